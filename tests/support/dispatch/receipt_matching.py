"""A receipt matcher without Kafka or a carrier: what it wrote and what was confirmed.

In: messages with their carrier's ids, receipts. Out: the records, in order; `kafka_has_all` answers for Kafka.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.carriers.contract import Receipt, Unreadable
from connectors.carriers.smpp.message_id import candidates
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.send_batch import BatchMessages, SendBatch
from schemas.records.codec import decode_as
from schemas.records.wire import CarrierReceipts
from tests.support.dispatch.records import SEALER, a_slice


class MatcherHarness:
    """A matcher, what it wrote, and what was confirmed."""

    def __init__(self, cached: int = 100, linger: float = 0) -> None:
        self.written: list[CarrierReceipts] = []
        self.acks: list[Callable[[], None]] = []
        self.confirmed: list[str] = []
        self.buried: list[tuple[str, Unreadable]] = []
        self.matcher = ReceiptMatcher("acme", self._post, self._bury, SEALER, lambda: 1000, linger=linger, cached=cached)
        self.matcher.lookup = lambda receipt_id: candidates(receipt_id, "auto")
        self.matcher.strict = True

    def _post(self, value: bytes, then: Callable[[], None]) -> None:
        self.written.append(decode_as(value, CarrierReceipts))
        self.acks.append(then)

    def _bury(self, carrier: str, what: Unreadable, then: Callable[[], None]) -> None:
        self.buried.append((carrier, what))
        self.acks.append(then)

    def take(self, name: str, *receipts: Receipt) -> None:
        self.matcher.match(list(receipts), lambda: self.confirmed.append(name))

    def kafka_has_all(self) -> None:
        acks, self.acks = self.acks, []
        for ack in acks:
            ack()

    async def rest(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        self.matcher.flush()


def messages(size: int = 10, segments: int = 1) -> BatchMessages:
    """The messages of a batch."""
    slice_ = a_slice(size, segments=bytes([segments]) * size, refs=["ref" if p == 1 else None for p in range(size)])
    return SendBatch(slice_, slice_.positions, 0, "acme", SEALER, one_at_a_time=False).messages


def receipt(id_: str, place: int, state: str = "DELIVRD", destination: str | None = None, **other: str) -> Receipt:
    """A receipt for the message at this place."""
    number = str(491510000000 + place) if destination is None else destination
    return Receipt(carrier_message_id=id_, state=state, code="000", destination=number, done_at=5.0, **other)


async def written(harness: MatcherHarness, records: int = 1) -> None:
    deadline = asyncio.get_running_loop().time() + 30
    while len(harness.written) < records:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.001)
