"""What `message-events` and `delivery-receipts` said, to be compared with what PostgreSQL holds.

In: both topics. Out: for each chunk, by sequence, the positions that were said to be in that state; and the public
events whose message was never accepted. Memory: one bitmap a chunk and sequence.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.kafka.log_reader import Entry
from infra.ops.ledger.accepted import Key
from schemas import topics
from schemas.codec import DecodeError, decode
from schemas.ids import IdError, parse_message_id
from schemas.lanes import Lane
from schemas.records import DeliveryReceipt, MessageEvents
from schemas.status import Status, sequence

TOPICS = (*(topics.events(lane) for lane in Lane), topics.DELIVERY_RECEIPTS)
PublicKey = tuple[str, str | None, int, str]


class History:
    """`said`: (tenant, chunk) → sequence → positions. `public`: (tenant, campaign, part, an id) of public events."""

    def __init__(self) -> None:
        self.said: dict[Key, dict[int, int]] = {}
        self.public: dict[tuple[str, str], tuple[str, int]] = {}

    def take(self, entry: Entry) -> None:
        """One record; poison is passed over."""
        try:
            record = decode(entry.value)
        except DecodeError:
            return
        if isinstance(record, MessageEvents):
            self._event(record)
        elif isinstance(record, DeliveryReceipt):
            self._receipt(record)

    def strangers(self, known: Callable[[str, str, int], bool]) -> list[str]:
        """Messages with a public event for which `known(tenant, campaign or message id, part)` is false."""
        return [example for (tenant, of), (example, part) in self.public.items() if not known(tenant, of, part)]

    def _event(self, event: MessageEvents) -> None:
        said = self.said.setdefault((event.tenant, event.chunk), {})
        for change in event.changes:
            try:
                place = sequence(change.send, Status(change.status))
            except ValueError:
                continue
            said[place] = said.get(place, 0) | change.positions

    def _receipt(self, receipt: DeliveryReceipt) -> None:
        try:
            parsed = parse_message_id(receipt.message_id)
        except IdError:
            self.public[(receipt.tenant_id, receipt.message_id)] = (receipt.message_id, -1)
            return
        of = receipt.message_id if parsed.campaign is None else f"{parsed.campaign}/{parsed.part}"
        self.public.setdefault((receipt.tenant_id, of), (receipt.message_id, parsed.part))
