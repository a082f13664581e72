"""The newest owners of the log of calls, from the log itself: what stands there before a record.

In: records of `attempts-<lane>` by place and time. Out: the greatest epoch that shows in the log before each. Read back is
a minute of log time, and at least `LEAST` records. Why that is enough: a replaced owner stops when its session ends, or at
the first delivery report that does not follow; what it had handed over by then is taken within the producer's time-out of
8 s or never. So the record of its successor, or what that one wrote since, is less than a minute older than anything that
still comes of it; and should it have been frozen for longer, the successor's last records are the last of the log. Takes
some 20 ms; all partitions of a batch at once. `PortDown` when Kafka does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from infra.kafka.client import Cluster, KafkaException
from infra.kafka.log_reader import LogUnreadable, Stretch, read_before
from infra.kafka.records import PartitionKey
from schemas.records.codec import DecodeError, decode
from schemas.records.wire import Owner, Returned, Settled, Started
from schemas.rules.owner_epochs import epoch_of
from streams.ports import OwnerAsk, PortDown

LOOK_BACK_MS = 60_000
LEAST = 500


class LogOwners:
    """Reads `attempts-<lane>` back."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def newest(self, asks: Sequence[OwnerAsk]) -> list[int]:
        """For each record the epoch of the newest owner who shows in the log before it; -1: nobody. Raises PortDown."""
        try:
            return await asyncio.to_thread(self._read, asks)
        except (LogUnreadable, KafkaException) as fault:
            raise PortDown(f"the log of calls cannot be read back: {fault}") from fault

    def _read(self, asks: Sequence[OwnerAsk]) -> list[int]:
        by_place: dict[PartitionKey, list[OwnerAsk]] = {}
        for ask in asks:
            by_place.setdefault((ask.topic, ask.partition), []).append(ask)
        newest = dict.fromkeys(asks, -1)
        stretches = {place: _stretch(group) for place, group in by_place.items()}
        for entry in read_before(self._cluster, stretches):
            epoch = _epoch(entry.value, entry.offset)
            for ask in by_place[entry.topic, entry.partition]:
                if entry.offset < ask.offset and epoch > newest[ask]:
                    newest[ask] = epoch
        return [newest[ask] for ask in asks]


def _stretch(asks: Sequence[OwnerAsk]) -> Stretch:
    """What is to be read for all of these records of a partition."""
    first, last = min(ask.offset for ask in asks), max(ask.offset for ask in asks)
    return Stretch(last, min(ask.timestamp for ask in asks) - LOOK_BACK_MS, last - first + LEAST)


def _epoch(value: bytes | None, offset: int) -> int:
    """The epoch of whoever wrote this record; -1 for bytes that are no record of the log: they are nobody's."""
    try:
        record = decode(value)
    except DecodeError:
        return -1
    return epoch_of(record, offset) if isinstance(record, Owner | Started | Settled | Returned) else -1
