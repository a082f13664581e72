"""What dispatch tells of its carriers, and what it gives up because of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.carriers.contract import Accepted
from connectors.dispatch.health_reporter import BELIEVED_MS, HealthReporter
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.stop_reasons import CONFIG_MS, StopReasons
from infra.redis.client import RedisDown
from infra.telemetry.metrics import Metrics
from schemas.rules.carrier_health import BreakerState, CarrierHealth
from schemas.rules.stops import NO_STOPS, Stop
from schemas.values.reasons import Reason
from tests.support.dispatch.harness import NOW, SenderHarness
from tests.support.dispatch.records import SEALER, a_slice
from tests.support.streams.fakes import RouteFact
from tests.support.waiting import turns, until


@dataclass
class Board:
    """What was told; `away`: nobody can be told."""

    away: bool = False
    told: list[Mapping[str, CarrierHealth]] = field(default_factory=list)

    async def tell(self, lanes: Iterable[str], carriers: Mapping[str, CarrierHealth]) -> None:
        if self.away:
            raise RedisDown("away")
        self.told.append(dict(carriers))


@dataclass
class Rate:
    rate: float = 100


@dataclass
class World:
    """Two carriers, `acme` preferred; `now` in milliseconds."""

    now: int = NOW
    routes: list[RouteFact] = field(default_factory=lambda: [RouteFact(prefix="", carriers=("acme", "other"), price=1)])
    carriers: dict[str, Rate] = field(default_factory=lambda: {"acme": Rate(), "other": Rate()})
    stops: frozenset[Stop] = NO_STOPS
    version: int = 1
    known: bool = True
    health: dict[str, CarrierHealth] = field(
        default_factory=lambda: {name: CarrierHealth(state=BreakerState.CLOSED, since=NOW) for name in ("acme", "other")}
    )

    def get(self, _campaign: str) -> None:
        return None

    def opened(self, carrier: str, state: BreakerState = BreakerState.OPEN) -> None:
        self.health[carrier] = CarrierHealth(state=state, since=NOW)

    def reasons(self) -> StopReasons:
        health: Any = type("Health", (), {"carriers": self.health, "known": property(lambda _: self.known)})()
        return StopReasons(self, self, health, lambda: self.now)


def batch_of(**given: Any) -> SendBatch:
    slice_ = a_slice(3, **{"carrier": "acme", **given})
    return SendBatch(slice_, slice_.positions, 0, "acme", SEALER, one_at_a_time=False)


async def test_a_change_is_seen_at_once_and_told_by_name() -> None:
    board, harness, now, loop = Board(), SenderHarness(), [NOW], asyncio.get_running_loop()
    reporter = HealthReporter(board, lambda _carrier: ["otp"], Metrics(), lambda: now[0])
    known = [reporter.look({"acme": harness.sender}) == [] and reporter.known]
    await reporter.tell()
    known.append(reporter.known)
    assert board.told[-1]["acme"].state is BreakerState.CLOSED
    for _ in range(5):
        harness.sender.breaker.record(answered=0, refused=0, unanswered=1, fault="no answer in time", now=loop.time())
    now[0] += 50
    assert reporter.look({"acme": harness.sender}) == ["acme"]
    await reporter.tell(["acme"])
    assert board.told[-1]["acme"] == CarrierHealth(state=BreakerState.OPEN, since=NOW + 50, fault="no answer in time")
    assert reporter.look({"acme": harness.sender}) == []
    now[0] += BELIEVED_MS
    known.append(reporter.known)
    await reporter.tell()
    known.append(reporter.known)
    board.away = True
    await reporter.tell()
    known.append(reporter.known)
    assert known == [False, True, False, True, False]


def test_what_waits_at_a_carrier_that_is_down_passes_to_one_that_takes_it() -> None:
    world = World()
    ask = world.reasons()
    assert ask(batch_of()) is None
    world.opened("acme")
    assert ask(batch_of()) is Reason.CARRIER_DOWN
    world.opened("acme", BreakerState.PROBING)
    assert ask(batch_of()) is None


@pytest.mark.parametrize("change", ["unknown", "other down", "other probing", "other stopped", "no other", "second try"])
def test_it_stays_while_nobody_would_take_it(change: str) -> None:
    world, batch = World(), batch_of()
    world.opened("acme")
    match change:
        case "unknown":
            world.known = False
        case "other down":
            world.opened("other")
        case "other probing":
            world.opened("other", BreakerState.PROBING)
        case "other stopped":
            world.stops = frozenset({Stop("carrier", "other")})
        case "no other":
            world.routes = [
                RouteFact(prefix="", carriers=("acme",), price=1),
                RouteFact(prefix="+1", carriers=("acme", "other"), price=1),
            ]
        case "second try":
            batch.second_tries = {0: Reason.CONNECTION_LOST}
    assert world.reasons()(batch) is None


def test_a_carrier_without_a_rate_gives_up_what_waits_once_everybody_has_read_that() -> None:
    world = World()
    ask = world.reasons()
    world.carriers["acme"] = Rate(0)
    assert ask(batch_of()) is None
    world.now += CONFIG_MS
    assert ask(batch_of()) is Reason.CARRIER_DOWN


async def test_nothing_starts_while_the_breaker_is_open_and_a_few_while_it_probes() -> None:
    harness = SenderHarness()
    for _ in range(5):
        harness.sender.breaker.record(answered=0, refused=0, unanswered=1, fault="x", now=asyncio.get_running_loop().time())
    harness.add(20)
    await turns()
    assert harness.carrier.sent == []
    harness.carrier.answer = lambda one: None
    loop = asyncio.get_running_loop()
    later = loop.time() + 6
    await until(lambda: loop.time() > later)
    harness.sender.look_at_connection()
    await until(lambda: len(harness.carrier.sent) == 3)
    await turns()
    assert len(harness.carrier.sent) == 3
    harness.carrier.answer = lambda one: Accepted(ref=one.ref, ids=harness.carrier.ids(one))
    harness.carrier.deliver()
    await until(lambda: len(harness.settled()) == 20)
    assert harness.sender.breaker.state is BreakerState.CLOSED
