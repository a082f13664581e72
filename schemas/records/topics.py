"""Every topic once: what it carries, its key, its size, how long it stays, who writes, reads, and writes what cannot be
read to the dead letters.

`sluice topics apply` makes the cluster equal to this table; nothing else creates topics. Partition counts are fixed
for ever: the log of calls, offsets and keys depend on them. A topic that several roles read names the one consumer that
writes its poison to the dead letters; the others count and skip.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.values.lanes import POOLS, Lane, Pool
from schemas.values.rungs import Rung

DAY = 86_400_000
INGEST_PARTITIONS = 4
DISPATCH_PARTITIONS = 8
DISPATCH_SHARED = "dispatch-shared"
"""Slices of lanes that a carrier's one process carries beside those of its own pool."""
EVENT_PARTITIONS = 4
COMMANDS = "campaign-commands"
HELD = "held"
CARRIER_RECEIPTS = "carrier-receipts"
DELIVERY_RECEIPTS = "delivery-receipts"
USAGE = "usage"
DEAD_LETTER = "dead-letter"
RECORD_BYTES = 1_048_588
DEAD_LETTER_BYTES = 2_000_000
FOREIGN_READERS = frozenset({"subscribers", "billing", "operators"})
"""Readers that are not our roles: programs and clients of others."""


class Topic(NamedTuple):
    """One row. `retention_ms` None = compacted. `dead_letters_by`: the role that writes a record which nobody can read to
    the dead letters. `most_bytes`: the largest batch of records that Kafka takes."""

    name: str
    records: tuple[str, ...]
    key: str
    partitions: int
    retention_ms: int | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    dead_letters_by: str
    most_bytes: int = RECORD_BYTES

    @property
    def public(self) -> bool:
        """Whether programs of others read it, with whatever Kafka client they have: many know no codec but gzip."""
        return not FOREIGN_READERS.isdisjoint(self.readers)


def ingest(lane: Lane) -> str:
    """Chunks on their way in."""
    return f"ingest-{lane}"


def dispatch(lane: Lane) -> str:
    """Slices for one carrier."""
    return f"dispatch-{lane}"


def dispatch_of(lane: Lane, *, one_process: bool) -> str:
    """Slices for a carrier; `one_process`: the process of the pool otp carries all its lanes."""
    return DISPATCH_SHARED if one_process and lane not in POOLS[Pool.OTP] else dispatch(lane)


def attempts(lane: Lane) -> str:
    """The log of carrier calls."""
    return f"attempts-{lane}"


def log_of(topic: str, partition: int) -> tuple[Lane, int]:
    """The lane of a partition of dispatch, and the partition of that lane's log of calls which belongs to it."""
    if topic == DISPATCH_SHARED:
        return Lane.MARKETING, DISPATCH_PARTITIONS + partition
    return Lane(topic.removeprefix("dispatch-")), partition


def logs_of(lane: Lane, partition: int) -> tuple[int, ...]:
    """The partitions of a lane's log of calls in which a carrier of this partition may stand."""
    return (partition,) if lane in POOLS[Pool.OTP] else (partition, DISPATCH_PARTITIONS + partition)


def retry(lane: Lane, rung: Rung) -> str:
    """Slices that wait on one rung of the ladder."""
    return f"retry-{rung}-{lane}"


def retries(lane: Lane) -> tuple[str, ...]:
    """All rungs of a lane, the shortest first."""
    return tuple(retry(lane, rung) for rung in Rung)


def events(lane: Lane) -> str:
    """Status changes."""
    return f"message-events-{lane}"


def _per_lane(lane: Lane) -> tuple[Topic, ...]:
    return (
        Topic(
            ingest(lane),
            ("Envelope",),
            "campaign or message of the first chunk",
            INGEST_PARTITIONS,
            14 * DAY,
            ("gateway", "delay", "releaser", "streams"),
            ("streams", "sinks"),
            "streams",
        ),
        Topic(
            dispatch(lane),
            ("Envelope",),
            "the carrier's partition",
            DISPATCH_PARTITIONS,
            7 * DAY,
            ("streams", "releaser"),
            ("dispatch",),
            "dispatch",
        ),
        Topic(
            attempts(lane),
            ("Owner", "Started", "Settled", "Returned"),
            "same partition as dispatch",
            DISPATCH_PARTITIONS * len(logs_of(lane, 0)),
            14 * DAY,
            ("dispatch",),
            ("streams", "sinks", "dispatch"),
            "streams",
        ),
        *(
            Topic(name, ("Retry",), "chunk", INGEST_PARTITIONS, 7 * DAY, ("streams",), ("delay",), "delay")
            for name in retries(lane)
        ),
        Topic(
            events(lane),
            ("MessageEvents",),
            "chunk",
            EVENT_PARTITIONS,
            14 * DAY,
            ("streams", "releaser"),
            ("sinks", "subscribers"),
            "sinks",
        ),
    )


TOPICS: tuple[Topic, ...] = (
    *(topic for lane in Lane for topic in _per_lane(lane)),
    Topic(
        DISPATCH_SHARED,
        ("Envelope",),
        "the carrier's partition",
        DISPATCH_PARTITIONS,
        7 * DAY,
        ("streams", "releaser"),
        ("dispatch",),
        "dispatch",
    ),
    Topic(
        COMMANDS,
        ("CampaignCommand",),
        "campaign, or chunk",
        1,
        None,
        ("gateway", "releaser"),
        ("streams", "dispatch", "delay"),
        "streams",
    ),
    Topic(
        HELD,
        ("Held", "Released"),
        "chunk",
        EVENT_PARTITIONS,
        14 * DAY,
        ("streams", "delay", "releaser"),
        ("sinks",),
        "sinks",
    ),
    Topic(
        CARRIER_RECEIPTS,
        ("CarrierReceipts",),
        "carrier",
        EVENT_PARTITIONS,
        7 * DAY,
        ("dispatch", "releaser"),
        ("streams",),
        "streams",
    ),
    Topic(
        DELIVERY_RECEIPTS,
        ("DeliveryReceipt",),
        "message id as UTF-8",
        EVENT_PARTITIONS,
        14 * DAY,
        ("streams", "releaser"),
        ("subscribers",),
        "subscribers",
    ),
    Topic(USAGE, ("Usage",), "chunk", EVENT_PARTITIONS, 14 * DAY, ("streams", "releaser"), ("sinks", "billing"), "sinks"),
    Topic(
        DEAD_LETTER,
        ("bytes as they were",),
        "as it was",
        1,
        30 * DAY,
        ("streams", "dispatch", "delay", "sinks"),
        ("sinks", "operators"),
        "nobody",
        DEAD_LETTER_BYTES,
    ),
)


def topic(name: str) -> Topic:
    """The row of this name. Raises KeyError when there is none."""
    for row in TOPICS:
        if row.name == name:
            return row
    raise KeyError(name)
