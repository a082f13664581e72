"""A carrier sender with everything around it, for tests: a carrier that answers as told, a log that acknowledges when told
to.

In: answers by submit, slices. Out: what was sent, started, settled, noted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from connectors.carriers.contract import Accepted, OnResult, Result, Submit
from connectors.dispatch.attempt_log import AttemptLog, OnWritten
from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.leases import Leases
from connectors.dispatch.log_recovery import Recovered
from connectors.dispatch.offset_tracker import OffsetTracker
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.send_batch import SendBatch
from infra.kafka.outbox import Headers, Report
from schemas.records.wire import Record, Settled
from schemas.rules.narrow_rates import NO_NARROW_RATES, Buckets, NarrowRates
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason
from schemas.values.retry_strategy import RetryStrategy
from tests.support.dispatch.records import SEALER, a_slice

NOW = 1_700_000_000_000


class ScriptedCarrier:
    """A carrier of the contract; `outcomes` decides each submit's result, None = later."""

    def __init__(self, window: int = 100) -> None:
        self.connected = True
        self.fault: str | None = None
        self.window = window
        self.open: list[tuple[Submit, OnResult]] = []
        self.sent: list[Submit] = []
        self.answer: Callable[[Submit], Result | None] = lambda one: Accepted(ref=one.ref, ids=self.ids(one))
        self._ids = 0

    def ids(self, one: Submit) -> tuple[str, ...]:
        """Fresh ids for the parts asked for."""
        count = one.part_count or one.parts - one.first_part
        self._ids += count
        return tuple(str(self._ids - n) for n in range(count))

    def room(self) -> int:
        return self.window - len(self.open)

    def send(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        self.sent += submits
        self.open += [(one, on_result) for one in submits]
        asyncio.get_running_loop().call_soon(self.deliver)

    def deliver(self) -> None:
        """Give the results that are due."""
        due = [(one, on_result, result) for one, on_result in self.open if (result := self.answer(one)) is not None]
        self.open = [(one, on_result) for one, on_result in self.open if all(one is not other for other, _, _ in due)]
        if due:
            due[0][1]([result for _, _, result in due])

    def stored_id(self, carrier_id: str) -> str:
        return carrier_id

    def seen(self) -> dict[str, int]:
        return {}

    def lookup_ids(self, receipt_id: str) -> tuple[str, ...]:
        return (receipt_id,)

    async def open_(self) -> None:
        return None

    async def close(self) -> None:
        return None


class Log(AttemptLog):
    """Acknowledges everything in the next turn of the loop, or when told to."""

    def __init__(self) -> None:
        async def between(_begin: int, _end: int) -> list[tuple[int, Record]]:
            return []

        def post(
            topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int, report: Report
        ) -> None:
            raise AssertionError("this log reaches no Kafka")

        super().__init__("attempts-marketing", 0, post, between, lambda _: None)
        self.epoch, self.next_offset = 0, 1
        self.records: list[Record] = []
        self.waiting: list[Callable[[], None]] = []
        self.automatic = True

    def write(self, key: str, record: Record, on_written: OnWritten) -> None:
        self.records.append(record)
        place = len(self.records)
        self.waiting.append(lambda: on_written(place))
        if self.automatic:
            asyncio.get_running_loop().call_soon(self.acknowledge)

    def acknowledge(self) -> None:
        waiting, self.waiting = self.waiting, []
        for stands in waiting:
            stands()

    def of(self, kind: type[Any]) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]


class UnlimitedTokens:
    """Tokens as many as asked for."""

    granted = 0

    async def lease(self, carrier: str, lane: str, want: int, rate: float, request_id: str) -> int:
        self.granted += want
        return want

    async def lease_narrow(
        self, carrier: str, lane: str, groups: Sequence[tuple[Buckets, int]], rate: float, request_id: str
    ) -> list[int]:
        self.granted += sum(want for _, want in groups)
        return [want for _, want in groups]


class SenderHarness:
    """A carrier sender with everything around it."""

    def __init__(
        self,
        lane: Lane = Lane.MARKETING,
        *,
        window: int = 100,
        rate: float = 1_000_000,
        whole: bool = False,
        weight: Callable[[str], float] = lambda _tenant: 1.0,
        narrow: NarrowRates = NO_NARROW_RATES,
    ) -> None:
        self.carrier, self.log, self.tokens = ScriptedCarrier(window), Log(), UnlimitedTokens()
        self.end_reason: Reason | None = None
        self.canceled = 0
        self.noted: dict[tuple[str, int], int] = {}
        self.strategy: RetryStrategy | None = None
        self.owned = OwnedPartition(
            lane,
            0,
            self.log,
            OffsetTracker(0),
            Recovered(),
            SEALER,
            self._note,
            lambda: NOW,
            lambda _slice: self.strategy,
        )
        matcher = ReceiptMatcher("acme", lambda _v, _t: None, lambda _c, _w, _t: None, SEALER, lambda: NOW, linger=0)
        carrier: Any = self.carrier
        self.sender = CarrierSender(
            carrier,
            BatchQueue([lane], weight, lambda batch: self.canceled & batch.slice.positions),
            matcher,
            Leases("acme", self.tokens, lambda: "id"),
            lambda _load: self.end_reason,
            lambda: NOW,
            rate=rate,
            window=window,
            whole=whole,
            narrow=narrow,
        )
        self._offset = 0

    def _note(self, place: tuple[str, int], positions: int) -> None:
        self.noted[place] = self.noted.get(place, 0) | positions

    def add(self, size: int, *, one_at_a_time: bool = False, **given: Any) -> SendBatch:
        slice_ = a_slice(size, **given)
        self.owned.progress.claim((slice_.chunk, slice_.send), slice_.positions)
        self.owned.offsets.track(self._offset, size)
        batch = SendBatch(slice_, slice_.positions, self._offset, "acme", SEALER, one_at_a_time=one_at_a_time)
        self._offset += 1
        self.sender.enqueue(QueuedBatch(self.owned, batch))
        return batch

    def settled(self) -> dict[int, tuple[str, str]]:
        """The last outcome and reason by position."""
        return {
            p: (v.outcome, v.reason)
            for record in self.log.of(Settled)
            for v in record.verdicts
            for p in range(record.size)
            if v.positions >> p & 1
        }
