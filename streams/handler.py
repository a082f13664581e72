"""What the runner and a stage say to each other; neither knows what brings the records.

In: records as they were read. A handler opens a record into items (a slice each, or the record itself), checks each,
handles a batch of items at once, can cut one that fails, and can wrap one item alone so that it can become a dead letter.
Out: outputs and public events, all to be acknowledged before the inputs' offsets move. A handler raises `DecodeError` for
bytes that are no record of its topic, `RecordError` for an item that contradicts itself, `PortDown` when something it asks
is away, and anything else for items that it cannot handle.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from infra.kafka.records import ConsumerRecord, ProducerRecord
from schemas.records.topics import DELIVERY_RECEIPTS
from schemas.rules.message_end import PublicEvents
from schemas.values.reasons import Reason


class Item(NamedTuple):
    """One thing to handle. `place`: its number within its record. `cut`: it is a piece of what stood there."""

    source: ConsumerRecord
    place: int
    content: Any
    cut: bool = False


class Unusable(NamedTuple):
    """What a handler could read and cannot use: `value` becomes a dead letter in its place."""

    item: Item
    value: bytes | None
    reason: Reason
    detail: str


class PublicBlock(NamedTuple):
    """Public events of one block, and the same encoded for a batch of many: what could fail has not failed."""

    events: PublicEvents
    bodies: list[bytes]


def public_records(blocks: Sequence[PublicBlock]) -> list[ProducerRecord]:
    """Each of these events as a record of its own."""
    return [ProducerRecord(DELIVERY_RECEIPTS, *event) for block in blocks for event in block.events]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a batch came to. `remember` is called once all of it is acknowledged, never before."""

    outputs: list[ProducerRecord]
    public: list[PublicBlock] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)
    remember: Callable[[], None] | None = None


class Handler(Protocol):
    """One stage at work."""

    def open(self, record: ConsumerRecord) -> list[Item]:
        """The items of a record. Raises DecodeError."""

    def check(self, item: Item) -> None:
        """Raise RecordError for an item that contradicts itself."""

    def split(self, item: Item) -> list[Any]:
        """The contents of two smaller items that say the same; none for one that stands alone. May raise anything."""

    async def handle(self, items: Sequence[Item]) -> Written:
        """Everything that a batch writes; the same for the same batch, apart from times and seals."""

    def wrap(self, item: Item) -> bytes | None:
        """The bytes of a record with this item alone."""


class Undelivered(RuntimeError):
    """Kafka did not acknowledge an output: end without an ack and be started again."""


class Outlet(Protocol):
    """The way out."""

    async def deliver(self, outputs: Sequence[ProducerRecord], public: Sequence[PublicBlock] = ()) -> Awaitable[None] | None:
        """Return when Kafka has acknowledged what somebody waits for; what is still under way, if anything is. Both raise
        Undelivered."""
