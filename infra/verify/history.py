"""What `message-events` and `delivery-receipts` said, to be compared with what PostgreSQL holds.

In: both topics. Out: for each chunk, by sequence, the positions that were said to be in that state; what subscribers were
told. Memory: one bitmap a chunk and sequence, one byte a public event.
"""

from __future__ import annotations

from infra.kafka.records import ConsumerRecord
from infra.verify.accepted import Key
from infra.verify.horizon import Horizon
from infra.verify.public import PublicEvents
from schemas.records import topics
from schemas.records.codec import DecodeError, decode
from schemas.records.wire import DeliveryReceipt, MessageEvents
from schemas.values.lanes import Lane
from schemas.values.status import Status, sequence

TOPICS = (*(topics.events(lane) for lane in Lane), topics.DELIVERY_RECEIPTS)


class History:
    """`said`: (tenant, chunk) → sequence → positions. `horizon`: of the public events."""

    def __init__(self) -> None:
        self.said: dict[Key, dict[int, int]] = {}
        self.public = PublicEvents()
        self.horizon = Horizon()

    def read(self, entry: ConsumerRecord) -> None:
        """One record; poison is passed over."""
        if entry.topic == topics.DELIVERY_RECEIPTS:
            self.horizon.read(entry)
        try:
            record = decode(entry.value)
        except DecodeError:
            return
        if isinstance(record, MessageEvents):
            self._event(record)
        elif isinstance(record, DeliveryReceipt):
            self.public.note(record)

    def _event(self, event: MessageEvents) -> None:
        said = self.said.setdefault((event.tenant, event.chunk), {})
        for change in event.changes:
            try:
                place = sequence(change.send, Status(change.status))
            except ValueError:
                continue
            said[place] = said.get(place, 0) | change.positions
