"""What the stages count on whatever stands behind a port: the fakes in memory of the unit tests, and the real services.

In: accounts, room, choices, notes of segments, each by every implementation there is. Out: answers in the order of the
questions, bounds that hold, and the same answer to a repeat. So that a stage proved in memory is proved.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from infra.postgres.pool import open_pool
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import connect
from infra.services.stack import Stack
from schemas.values.positions import everyone
from streams.adapters.allowance_credit import AllowanceCredit
from streams.adapters.postgres_credit import PostgresCredit
from streams.adapters.postgres_refs import PostgresRefs
from streams.adapters.redis_capacity import RedisCapacity
from streams.ports import Capacity, CapacityAsk, Credit, CreditAsk, Refs, SegmentReceipt
from tests.support.database import add_tenant, fresh_database
from tests.support.streams.fakes import NOW, SEALER, TENANT, FakePorts

pytestmark = pytest.mark.stack
MONEY, RATE = 10_000, 40
ROOM = RATE // 2


def clock() -> int:
    return NOW


@asynccontextmanager
async def accounts(services: Stack, *, allowance: bool) -> AsyncIterator[Credit]:
    """PostgreSQL with an account that holds 1.0000."""
    with fresh_database(services.postgres) as url:
        add_tenant(url, TENANT, balance=MONEY)
        pool = await open_pool(url, size=4)
        credit = PostgresCredit(pool, clock)
        yield AllowanceCredit(credit, pool, clock) if allowance else credit
        await pool.close()


@pytest.fixture(params=["memory", "accounts", "allowance"])
async def credit(request: pytest.FixtureRequest, services: Stack) -> AsyncIterator[Credit]:
    """Whoever pays, with 1.0000."""
    if request.param == "memory":
        yield FakePorts(money=MONEY)
    else:
        async with accounts(services, allowance=request.param == "allowance") as opened:
            yield opened


@pytest.fixture(params=["memory", "accounts"])
async def marketing_credit(request: pytest.FixtureRequest, services: Stack) -> AsyncIterator[Credit]:
    """Whoever pays for campaigns, with 1.0000."""
    if request.param == "memory":
        yield FakePorts(money=MONEY)
    else:
        async with accounts(services, allowance=False) as opened:
            yield opened


def pay(chunk: str, count: int, *, round_: int = 0, lane: str = "marketing", segments: bytes | None = None) -> CreditAsk:
    return CreditAsk(
        tenant=TENANT,
        campaign=None,
        chunk=chunk,
        round=round_,
        price_class=0,
        size=count,
        lane=lane,
        price=100,
        positions=everyone(count),
        segments=segments or b"\1" * count,
    )


async def paid(credit: Credit, first: int, count: int, round_: int = 0) -> list[str]:
    """Which of so many codes, one after the other, were granted."""
    asks = [pay(f"msg_{first + n}", 1, lane="otp", round_=round_) for n in range(count)]
    return [ask.chunk for ask in asks if (await credit.reserve([ask]))[0].positions]


async def test_codes_are_paid_as_long_as_there_is_money(credit: Credit) -> None:
    granted = await paid(credit, 0, 120)
    # An allowance may be left with less than the price of one.
    assert granted == [f"msg_{n}" for n in range(len(granted))] and len(granted) in (99, 100)


async def test_a_repeated_code_costs_nothing_and_another_round_is_paid(credit: Credit) -> None:
    for _ in range(3):
        assert len(await paid(credit, 0, 20)) == 20
    assert len(await paid(credit, 0, 20, round_=1)) == 20
    assert len(await paid(credit, 20, 100)) in (59, 60)


async def test_money_goes_in_the_order_of_the_asks(marketing_credit: Credit) -> None:
    grants = await marketing_credit.reserve([pay("a", 60), pay("b", 30, segments=b"\2" * 30), pay("c", 1)])
    assert [grant.positions for grant in grants] == [everyone(60), everyone(20), 0]


async def test_a_repeated_slice_is_granted_the_same_and_costs_nothing(marketing_credit: Credit) -> None:
    for _ in range(3):
        assert [grant.positions for grant in await marketing_credit.reserve([pay("a", 30)])] == [everyone(30)]
    assert [grant.positions for grant in await marketing_credit.reserve([pay("a", 30, round_=1)])] == [everyone(30)]
    assert [grant.positions for grant in await marketing_credit.reserve([pay("b", 80)])] == [everyone(40)]


async def test_who_asks_for_nothing_is_granted_nothing(credit: Credit) -> None:
    assert await credit.reserve([]) == []


@pytest.fixture(params=["memory", "redis"])
async def space(request: pytest.FixtureRequest, services: Stack, patient_redis: None) -> AsyncIterator[Capacity]:
    """A carrier with room for half a second of its rate."""
    if request.param == "memory":
        yield FakePorts(room=ROOM)
        return
    redis = connect(services.redis)
    yield RedisCapacity(CarrierCapacity(redis), lambda: 0.0)
    await redis.close()


@pytest.fixture
def name() -> str:
    """A carrier, or a chunk, that nobody else uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


def want(carrier: str, chunk: str, cost: int) -> CapacityAsk:
    return CapacityAsk(carrier=carrier, lane="marketing", chunk=chunk, send=1, cost=cost, least=1, rate=RATE)


async def test_room_goes_in_the_order_of_the_asks_and_ends(space: Capacity, name: str) -> None:
    assert await space.ask([want(name, "a", 12), want(name, "b", 12), want(name, "c", 1)]) == [12, 8, 0]


async def test_a_repeat_has_the_room_that_it_had(space: Capacity, name: str) -> None:
    for _ in range(2):
        assert await space.ask([want(name, "a", 12)]) == [12]
    assert await space.ask([want(name, "b", 12)]) == [8]


async def test_the_carrier_that_was_chosen_first_stays(space: Capacity, name: str) -> None:
    assert await space.assign([(name, 1, {"x": 0b011})]) == [{"x": 0b011}]
    assert await space.assign([(name, 1, {"y": 0b110}), (name, 2, {"y": 0b001})]) == [{"x": 0b010, "y": 0b100}, {"y": 0b001}]
    assert await space.already_assigned([(name, 3), (name, 1)]) == [{}, {"x": 0b011, "y": 0b100}]


@pytest.fixture(params=["memory", "postgres"])
async def refs(request: pytest.FixtureRequest, services: Stack) -> AsyncIterator[Refs]:
    if request.param == "memory":
        yield FakePorts()
        return
    with fresh_database(services.postgres) as url:
        add_tenant(url, TENANT)
        pool = await open_pool(url, size=2)
        yield PostgresRefs(pool, SEALER)
        await pool.close()


def segment(id_: str, state: str, *, position: int = 0, send: int = 1) -> SegmentReceipt:
    return SegmentReceipt(tenant=TENANT, chunk="chk_1", send=send, position=position, id=id_, state=state)


async def test_segments_are_told_with_those_before_them_and_once(refs: Refs) -> None:
    assert await refs.record_segments([segment("1", "DELIVRD")]) == [["DELIVRD"]]
    both = [segment("2", "UNDELIV"), segment("9", "EXPIRED", position=1)]
    for _ in range(2):
        first, other = await refs.record_segments(both)
        assert (sorted(first), other) == (["DELIVRD", "UNDELIV"], ["EXPIRED"])
    assert await refs.record_segments([segment("1", "DELIVRD", send=2)]) == [["DELIVRD"]]
