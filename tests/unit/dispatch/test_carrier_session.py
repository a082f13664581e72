"""The line to a carrier while its row changes: which connections stand when, against carriers that count them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors.carriers.contract import Carrier, CarrierCallbacks, OnResult, Submit
from connectors.carriers.registry import Kind
from connectors.dispatch import carrier_session
from connectors.dispatch.carrier_session import CarrierSession
from connectors.dispatch.connection_spec import ConnectionSpec
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from infra.postgres.config_cache import CarrierRow
from infra.settings.carriers import SmppSettings
from schemas.rules.narrow_rates import NarrowRates
from schemas.values.lanes import Pool
from tests.support.dispatch.records import SEALER
from tests.support.waiting import turns, until

HERE = {"host": "a", "port": 1, "system_id": "s"}
ROW = CarrierRow(
    id="acme",
    number=1,
    kind="smpp",
    rate=100,
    window=10,
    binds=2,
    receipt_wait_seconds=60,
    one_receipt_for_all_parts=False,
    partition=0,
    settings=HERE,
    password="p",
)


@dataclass
class Exchange:
    """Grants connections, at most `most` at a time; whoever was refused tries again. `stand`: how many stood after each
    change."""

    most: int = 100
    refused_password: str | None = None
    connections: list[Connection] = field(default_factory=list)
    stand: list[int] = field(default_factory=list)
    resizes: list[tuple[int, int]] = field(default_factory=list)

    def settle(self) -> None:
        """Let in whoever can be let in."""
        for one in self.connections:
            before = one.bound
            free = self.most - sum(other.bound for other in self.connections if other is not one)
            one.bound = 0 if one.settings.password.get_secret_value() == self.refused_password else min(one.binds, free)
            if one.bound > before:
                asyncio.get_running_loop().call_soon(one.callbacks.on_room)
        self.stand.append(sum(one.bound for one in self.connections))

    def connect(self, settings: SmppSettings, callbacks: CarrierCallbacks, *, window: int, binds: int) -> Carrier:
        if window == 0:
            raise ValueError("window must be between 1 and 100000")
        return Connection(self, settings, callbacks, window, binds)


class Connection:
    """A carrier of the contract. `answers`: set when what is in flight is answered."""

    ids_may_clash = False
    fault = None

    def __init__(
        self, exchange: Exchange, settings: SmppSettings, callbacks: CarrierCallbacks, window: int, binds: int
    ) -> None:
        self.exchange, self.settings, self.callbacks = exchange, settings, callbacks
        self.window, self.binds = window, binds
        self.bound = 0
        self.answers = asyncio.Event()
        self.answers.set()

    @property
    def connected(self) -> bool:
        return self.bound > 0

    async def open(self) -> None:
        self.exchange.connections.append(self)
        self.exchange.settle()

    def room(self) -> int:
        return self.bound * self.window

    def send(self, submits: Sequence[Submit], on_result: OnResult) -> None:
        raise AssertionError("nothing is sent here")

    def stored_id(self, carrier_id: str) -> str:
        return carrier_id

    def seen(self) -> dict[str, int]:
        return {}

    def lookup_ids(self, receipt_id: str) -> tuple[str, ...]:
        return (receipt_id,)

    async def resize(self, window: int, binds: int) -> None:
        self.exchange.resizes.append((window, binds))
        if binds < self.binds:
            await self.answers.wait()
        self.binds = binds
        self.exchange.settle()

    async def close(self) -> None:
        await self.answers.wait()
        if self in self.exchange.connections:
            self.exchange.connections.remove(self)
            self.bound = 0
            self.exchange.settle()


class CarrierSender:
    """What a line needs of a sender."""

    def __init__(self, row: CarrierRow, carrier: Carrier, matcher: ReceiptMatcher, spec: ConnectionSpec) -> None:
        self.matcher, self.rate = matcher, row.rate
        self.limits, self.limit = (limits := list[Any]()), limits.append
        self.use_connection(carrier, spec.in_flight, whole=spec.sends_whole)

    def use_connection(self, carrier: Carrier, window: int, *, whole: bool) -> None:
        self.carrier, self.window = carrier, window

    def wake(self) -> None:
        return None


async def a_session(exchange: Exchange, row: CarrierRow = ROW, pool: Pool = Pool.BULK) -> CarrierSession:
    """A session whose connection is bound."""
    sender: Any = CarrierSender
    matcher = ReceiptMatcher("acme", lambda _v, _t: None, lambda _c, _w, _t: None, SEALER, lambda: 0, linger=0)
    session = CarrierSession(row, pool, matcher, sender, {"smpp": Kind(SmppSettings, exchange.connect)})
    await session.open()
    exchange.stand.clear()
    return session


def moved(session: CarrierSession, row: CarrierRow, before: Carrier) -> Callable[[], bool]:
    """Whether only another connection is left, as the row says."""

    def check() -> bool:
        carrier: Any = session.sender.carrier
        return (
            carrier is not before
            and carrier.exchange.connections == [carrier]
            and carrier.settings == SmppSettings.from_columns(row.settings, row.password)
            and carrier.bound == carrier.binds
        )

    return check


@pytest.mark.parametrize(
    ("change", "size"), [({"window": 30}, (30, 1)), ({"binds": 4}, (10, 3)), ({"window": 5, "binds": 5}, (5, 4))]
)
async def test_window_and_binds_are_taken_over_in_place(change: dict[str, Any], size: tuple[int, int]) -> None:
    exchange = Exchange()
    session = await a_session(exchange)
    before = session.sender.carrier
    session.follow(replace(ROW, **change))
    await until(lambda: exchange.resizes == [size])
    assert session.sender.carrier is before and exchange.connections == [before]
    assert session.sender.window == size[0] * size[1]


async def test_a_rate_alone_touches_no_connection() -> None:
    exchange = Exchange()
    session = await a_session(exchange)
    session.follow(replace(ROW, rate=7, narrow=(narrow := NarrowRates(sender=2))))
    await turns()
    assert [session.sender.rate, vars(session.sender)["limits"], exchange.stand, exchange.resizes] == [7, [narrow], [], []]


async def test_another_account_is_opened_beside_the_old_one() -> None:
    exchange = Exchange()
    session = await a_session(exchange)
    before: Any = session.sender.carrier
    before.answers.clear()
    row = replace(ROW, settings=HERE | {"host": "b"}, binds=4)
    session.follow(row)
    await until(lambda: session.sender.carrier is not before)
    assert session.sender.carrier.connected and before.connected, "the old one waits for its answers"
    assert session.sender.window == 30
    before.answers.set()
    await until(moved(session, row, before))
    assert min(exchange.stand) >= 1, "one of them always stands"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "http"}, "kind 'http' is not built"),
        ({"settings": HERE | {"port": "x"}}, r"settings\.port"),
        ({"settings": HERE | {"prot": 1}}, r"settings\.prot"),
    ],
)
async def test_a_row_that_its_kind_refuses_changes_nothing(change: dict[str, Any], says: str) -> None:
    exchange = Exchange()
    session = await a_session(exchange)
    with pytest.raises(ValueError, match=says):
        session.follow(replace(ROW, **change))
    await turns()
    assert exchange.stand == [] and session.sender.carrier.connected


@pytest.mark.parametrize("change", [{"host": "b"}, {"system_id": "t"}])
async def test_a_carrier_that_allows_one_connection_is_not_refused_for_ever(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_session, "CONNECT_SECONDS", 0.4)
    exchange = Exchange(most=1)
    session = await a_session(exchange, pool=Pool.OTP)
    before = session.sender.carrier
    row = replace(ROW, settings=HERE | change)
    session.follow(row)
    await turns()
    assert session.sender.carrier is before and before.connected, "the old one works on while the new one tries"
    await until(moved(session, row, before))


async def test_of_one_account_the_only_connection_leaves_first() -> None:
    exchange = Exchange()
    session = await a_session(exchange, pool=Pool.OTP)
    before: Any = session.sender.carrier
    before.answers.clear()
    row = replace(ROW, password="q")
    session.follow(row)
    await turns()
    assert exchange.connections == [before], "its answers are waited for"
    before.answers.set()
    await until(moved(session, row, before))
    assert max(exchange.stand) == 1


async def test_of_one_account_one_connection_gives_way_to_the_first_new_one() -> None:
    exchange = Exchange()
    session = await a_session(exchange, replace(ROW, binds=4))
    before = session.sender.carrier
    row = replace(ROW, binds=4, settings=HERE | {"enquire_link_seconds": 5})
    session.follow(row)
    await until(moved(session, row, before))
    assert (min(exchange.stand), max(exchange.stand)) == (1, 3)


async def test_a_wrong_password_comes_true_and_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_session, "CONNECT_SECONDS", 0.05)
    exchange = Exchange(refused_password="wrong")
    session = await a_session(exchange, replace(ROW, binds=4))
    session.follow(replace(ROW, binds=4, password="wrong"))
    await until(lambda: exchange.stand and exchange.stand[-1] == 0 and len(exchange.connections) == 1)
    before = session.sender.carrier
    row = replace(ROW, binds=4, password="right")
    session.follow(row)
    await until(moved(session, row, before))
    assert session.sender.carrier is not before and session.sender.carrier.connected


async def test_the_newest_row_wins_over_those_that_came_while_it_moved() -> None:
    exchange = Exchange()
    session = await a_session(exchange)
    before: Any = session.sender.carrier
    before.answers.clear()
    for host in ("b", "c", "d"):
        session.follow(replace(ROW, settings=HERE | {"host": host}))
        await turns(5)
    before.answers.set()
    await until(moved(session, replace(ROW, settings=HERE | {"host": "d"}), before))
    assert session.sender.carrier is not before and session.sender.carrier.connected


async def test_settings_that_can_never_work_change_nothing() -> None:
    exchange = Exchange()
    session = await a_session(exchange)
    with pytest.raises(ValueError, match="window"):
        session.follow(replace(ROW, window=0))
    await turns()
    assert exchange.stand == [] and session.sender.carrier.connected


async def test_closed_in_the_middle_of_a_move_nothing_is_left() -> None:
    exchange = Exchange()
    session = await a_session(exchange)
    before: Any = session.sender.carrier
    before.answers.clear()
    session.follow(replace(ROW, settings=HERE | {"host": "b"}))
    await until(lambda: len(exchange.connections) == 2)
    closing = asyncio.ensure_future(session.close())
    await turns()
    before.answers.set()
    await closing
    assert exchange.connections == []
