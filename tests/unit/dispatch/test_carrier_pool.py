"""The carriers of a process: which it connects to, and how it takes leave of one that is another process's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.carriers.contract import Accepted, CarrierCallbacks, NotSent, Result, Submit
from connectors.carriers.registry import Kind
from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.carrier_pool import ELSEWHERE_SECONDS, CarrierPool
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.connection_spec import ConnectionSpec
from connectors.dispatch.leases import Leases
from connectors.dispatch.log_recovery import Recovered
from connectors.dispatch.offset_tracker import OffsetTracker
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.retiring import ANSWER_SECONDS
from connectors.dispatch.send_batch import SendBatch
from infra.postgres.config_cache import CarrierRow
from infra.settings.carriers import SmppSettings
from schemas.records.wire import Returned
from schemas.values.lanes import POOLS, Lane, Pool
from tests.support.dispatch.harness import NOW, Log, ScriptedCarrier, UnlimitedTokens
from tests.support.dispatch.records import SEALER, a_slice
from tests.support.waiting import turns, until

ROW = CarrierRow(
    id="acme",
    number=1,
    kind="smpp",
    rate=1_000_000,
    window=10,
    binds=2,
    receipt_wait_seconds=60,
    one_receipt_for_all_parts=False,
    partition=3,
    settings={"host": "a", "port": 2775, "system_id": "me"},
    password="p",
)
ONE = replace(ROW, binds=1, one_process=True)


class Line(ScriptedCarrier):
    """A connection that may be opened, and whose end is the end of what is on it."""

    ids_may_clash = False

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(window=10)
        self._exchange = exchange
        self.under_way, self.open = self.open, self._connect  # type: ignore[assignment]

    async def _connect(self) -> None:
        self._exchange.bound += 1
        self._exchange.most = max(self._exchange.most, self._exchange.bound)

    def room(self) -> int:
        return self.window - len(self.under_way) if self.connected else 0

    def send(self, submits: Any, on_result: Any) -> None:
        self.sent += submits
        if not self.connected:
            lost: list[Result] = [NotSent(ref=one.ref, sent_parts=one.first_part) for one in submits]
            asyncio.get_running_loop().call_soon(on_result, lost)
            return
        self.under_way += [(one, on_result) for one in submits]
        asyncio.get_running_loop().call_soon(self.deliver)

    def deliver(self) -> None:
        due = [(one, on_result, self._exchange.answer(one)) for one, on_result in self.under_way]
        self.under_way = [(one, on_result) for one, on_result, result in due if result is None]
        for _, on_result, result in due:
            if result is not None:
                on_result([result])

    async def close(self) -> None:
        if self.connected:
            self.connected = False
            self._exchange.bound -= 1
            for one, on_result in self.under_way:
                on_result([NotSent(ref=one.ref, sent_parts=one.first_part)])


@dataclass
class Exchange:
    """The carrier, and a pool that connects to it. `owns`: the codes come to this process."""

    pool: Pool = Pool.BULK
    owns: bool = True
    bound: int = 0
    most: int = 0
    lines: list[Line] = field(default_factory=list)
    answer: Callable[[Submit], Result | None] = lambda one: Accepted(ref=one.ref, ids=("1",))

    def __post_init__(self) -> None:
        registry: Any = {"smpp": Kind(SmppSettings, self.connect)}
        self.rows: Mapping[str, CarrierRow] = {}
        self.faults: list[Exception] = []
        self.carriers = CarrierPool(
            self.pool, self.sender, self.matcher, registry, lambda _partition: self.owns, self.left, self.faults.append
        )
        self.log = Log()
        self.offsets = OffsetTracker(0)
        self.owned = OwnedPartition(
            Lane.MARKETING, 3, self.log, self.offsets, Recovered(), SEALER, lambda _key, _positions: None, lambda: NOW
        )

    async def follow(self, *carriers: CarrierRow) -> None:
        """These are the rows of now."""
        self.rows = {row.id: row for row in carriers}
        await self.carriers.follow(self.rows)

    def left(self) -> None:
        self.following = asyncio.ensure_future(self.carriers.follow(self.rows))

    def connect(self, _settings: SmppSettings, _callbacks: CarrierCallbacks, *, window: int, binds: int) -> Any:
        self.lines.append(Line(self))
        return self.lines[-1]

    def matcher(self, carrier: str) -> ReceiptMatcher:
        return ReceiptMatcher(carrier, lambda _v, _t: None, lambda _c, _w, _t: None, SEALER, lambda: NOW, linger=0)

    def sender(self, row: CarrierRow, carrier: Any, matcher: ReceiptMatcher, spec: ConnectionSpec) -> CarrierSender:
        leases = Leases(row.id, UnlimitedTokens(), lambda: "id")
        queue = BatchQueue(POOLS[self.pool])
        return CarrierSender(
            carrier, queue, matcher, leases, lambda _batch: None, lambda: NOW, rate=row.rate, window=spec.in_flight
        )

    def put(self, size: int, **given: Any) -> None:
        """A slice for the carrier."""
        slice_ = a_slice(size, **given)
        self.owned.progress.claim((slice_.chunk, slice_.send), slice_.positions)
        self.offsets.track(self.offsets.next_offset, size)
        self.owned.note_open("acme", size)
        offset = self.offsets.next_offset - 1
        self.carriers.enqueue(self.owned, SendBatch(slice_, slice_.positions, offset, "acme", SEALER, one_at_a_time=False))

    def returned(self) -> int:
        """Positions that were handed back, for want of a carrier."""
        records = self.log.of(Returned)
        assert {record.reason for record in records} <= {"no_carrier"}
        return sum(record.rest.positions.bit_count() for record in records)

    def gone(self) -> bool:
        """Whether nothing is left of it, once its room was told."""
        for sender in self.carriers.all_senders.values():
            sender.queue.changed.clear()
        assert self.faults == []
        return not self.carriers.all_senders and not self.owned.open_at("acme")


async def test_the_only_connection_is_the_owners_of_the_codes() -> None:
    bulk, other, owner = Exchange(), Exchange(Pool.OTP, owns=False), Exchange(Pool.OTP)
    for one in (bulk, other, owner):
        await one.follow(ONE)
    assert [one.bound for one in (bulk, other, owner)] == [0, 0, 1]
    assert owner.carriers.senders["acme"].queue.lanes == list(Lane)
    assert owner.carriers.lanes_of("acme") == tuple(Lane) and bulk.carriers.lanes_of("acme") == (Lane.MARKETING,)


async def test_an_owner_that_loses_the_codes_lets_the_connection_go() -> None:
    exchange = Exchange(Pool.OTP)
    await exchange.follow(ONE)
    exchange.owns = False
    await exchange.carriers.let_go()
    assert exchange.bound == 0 and not exchange.carriers.all_senders


async def test_with_one_bind_the_pool_bulk_answers_what_is_in_flight_and_hands_the_rest_back() -> None:
    exchange = Exchange(answer=lambda _one: None)
    await exchange.follow(ROW)
    exchange.put(50)
    await until(lambda: exchange.lines and len(exchange.lines[-1].under_way) == 10)
    await exchange.follow(replace(ROW, binds=1))
    await until(lambda: exchange.returned() == 40)
    assert exchange.bound == 1 and not exchange.carriers.senders, "answers are awaited"
    exchange.answer = lambda one: Accepted(ref=one.ref, ids=("1",))
    exchange.lines[-1].deliver()
    await until(exchange.gone)
    assert (exchange.bound, exchange.returned(), len(exchange.lines[-1].sent)) == (0, 40, 10)
    assert exchange.offsets.open_positions == 0


async def test_a_carrier_that_never_answers_is_left_and_what_it_has_not_got_goes_back() -> None:
    exchange = Exchange(answer=lambda _one: None)
    await exchange.follow(ROW)
    exchange.put(20)
    await until(lambda: exchange.lines and len(exchange.lines[-1].under_way) == 10)
    begun = asyncio.get_running_loop().time()
    await exchange.follow()
    await until(exchange.gone)
    assert exchange.returned() == 20
    assert ANSWER_SECONDS <= asyncio.get_running_loop().time() - begun < ANSWER_SECONDS + 1


async def test_a_start_that_is_not_acknowledged_yet_goes_back_too() -> None:
    exchange = Exchange()
    exchange.log.automatic = False
    await exchange.follow(ROW)
    exchange.put(3)
    await until(lambda: exchange.log.records)
    exchange.lines[-1].connected = False
    await exchange.follow(replace(ROW, binds=1))
    await turns()
    exchange.log.automatic = True
    exchange.log.acknowledge()
    await until(exchange.gone)
    assert exchange.returned() == 3


async def test_a_wish_that_changes_back_never_makes_two_connections() -> None:
    exchange = Exchange(answer=lambda _one: None)
    await exchange.follow(ROW)
    exchange.put(5)
    await until(lambda: exchange.lines and len(exchange.lines[-1].under_way) == 5)
    await exchange.follow(replace(ROW, binds=1))
    await exchange.follow(ROW)
    await turns()
    assert exchange.bound == 1 and not exchange.carriers.senders
    exchange.answer = lambda one: Accepted(ref=one.ref, ids=("1",))
    exchange.lines[-1].deliver()
    await until(lambda: exchange.carriers.senders)
    assert (exchange.bound, exchange.most, exchange.returned()) == (1, 1, 0)


async def test_what_comes_late_to_the_pool_bulk_goes_back_once_all_have_read_the_row() -> None:
    exchange = Exchange()
    await exchange.follow(replace(ROW, binds=1))
    exchange.put(4)
    begun = asyncio.get_running_loop().time()

    def looked() -> bool:
        exchange.carriers.retry_unplaced()
        return exchange.returned() == 4

    await until(looked)
    assert asyncio.get_running_loop().time() - begun >= ELSEWHERE_SECONDS
