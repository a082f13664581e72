"""Accounts and allowances on the real PostgreSQL: never overdrawn, never twice, codes go on without it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest

from infra.postgres.pool import Pool, open_pool
from schemas.rules.caps import Caps
from schemas.values.positions import everyone
from streams.adapters.allowance_credit import DRAWN_MS, AllowanceCredit
from streams.adapters.postgres_credit import PostgresCredit
from streams.ports import CreditAsk, PortDown
from tests.support.streams.fakes import NOW, TENANT
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack


def ask(
    chunk: str,
    count: int,
    *,
    price: int = 100,
    lane: str = "marketing",
    round_: int = 0,
    segments: bytes = b"",
    positions: int | None = None,
    tenant: str = TENANT,
) -> CreditAsk:
    return CreditAsk(
        tenant=tenant,
        campaign=None,
        chunk=chunk,
        round=round_,
        price_class=0,
        size=count,
        lane=lane,
        price=price,
        positions=positions or everyone(count),
        segments=segments or b"\1" * count,
    )


def balance(url: str) -> tuple[int, int]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT balance, reserved FROM balances").fetchone()
    assert row is not None
    return row[0], row[1]


async def test_a_burst_is_reserved_in_order_as_far_as_it_goes(pool: Pool, database: str) -> None:
    credit = PostgresCredit(pool, lambda: NOW)
    grants = await credit.reserve([ask("a", 60), ask("b", 30, segments=b"\2" * 30), ask("c", 1)])
    assert [g.positions for g in grants] == [everyone(60), everyone(20), 0]
    assert balance(database) == (10_000, 10_000)


async def test_a_repeat_reserves_nothing_twice_and_another_round_does(pool: Pool, database: str) -> None:
    credit = PostgresCredit(pool, lambda: NOW)
    for _ in range(2):
        assert [g.positions for g in await credit.reserve([ask("a", 10), ask("a", 10)])] == [everyone(10)] * 2
    assert balance(database) == (10_000, 1_000)
    await credit.reserve([ask("a", 10, round_=1)])
    assert balance(database) == (10_000, 2_000)


async def test_positions_join_a_reservation_later(pool: Pool, database: str) -> None:
    credit = PostgresCredit(pool, lambda: NOW)
    await credit.reserve([ask("a", 10, positions=0b11, segments=b"\1\2")])
    await credit.reserve([ask("a", 10, positions=0b110, segments=b"\2\3")])
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT positions, segments, amount FROM reservations").fetchone()
    assert row is not None
    assert (int.from_bytes(row[0], "little"), row[1], row[2]) == (0b111, b"\1\2\3" + bytes(7), 600)


async def test_side_by_side_nothing_is_overdrawn(pool: Pool, database: str) -> None:
    credit = PostgresCredit(pool, lambda: NOW)
    grants = await asyncio.gather(*(credit.reserve([ask(f"c{n}", 30)]) for n in range(8)))
    assert sum(g.positions.bit_count() for grant in grants for g in grant) == 100
    assert balance(database) == (10_000, 10_000)


async def test_an_account_that_is_not_there_has_no_money(pool: Pool) -> None:
    credit = PostgresCredit(pool, lambda: NOW)
    nobody = "00000000-0000-4000-8000-00000000dead"
    grants = await credit.reserve([ask("a", 3, tenant=nobody), ask("b", 3, price=0, tenant=nobody)])
    assert [grant.positions for grant in grants] == [0, 0]


async def test_without_postgresql_the_port_says_so() -> None:
    away = await open_pool("postgresql://127.0.0.1:1/none", size=1, wait_seconds=0.3)
    try:
        with pytest.raises(PortDown):
            await PostgresCredit(away, lambda: NOW).reserve([ask("a", 1)])
    finally:
        await away.close()


async def test_codes_are_drawn_on_an_allowance_and_go_on_without_postgresql(database: str) -> None:
    pool = await open_pool(database, size=2)
    credit = AllowanceCredit(PostgresCredit(pool, lambda: NOW), pool, lambda: NOW, fresh=lambda: "lease-1")
    [first] = await credit.reserve([ask("m1", 1, lane="otp")])
    assert (first.positions, first.lease) == (1, "lease-1")
    assert balance(database) == (10_000, 1_000)
    await pool.close()
    for n in range(2, 11):
        assert [g.lease for g in await credit.reserve([ask(f"m{n}", 1, lane="otp")])] == ["lease-1"]
    assert [g.lease for g in await credit.reserve([ask("m1", 1, lane="otp")])] == ["lease-1"]
    with pytest.raises(Exception, match=r"allowance|accounts"):
        await credit.reserve([ask("m11", 1, lane="otp")])


async def test_an_allowance_is_raised_when_half_is_drawn_and_renewed_when_old(pool: Pool, database: str) -> None:
    now = NOW
    names = iter(("lease-1", "lease-2"))
    credit = AllowanceCredit(PostgresCredit(pool, lambda: now), pool, lambda: now, fresh=lambda: next(names))
    for n in range(6):
        await credit.reserve([ask(f"m{n}", 1, lane="otp")])

    def amounts() -> list[tuple[str, int]]:
        with psycopg.connect(database) as connection:
            return connection.execute("SELECT lease, amount FROM allowances ORDER BY lease").fetchall()

    while credit._raising:
        await asyncio.gather(*credit._raising.values())
    assert amounts() == [("lease-1", 1_900)]
    now += DRAWN_MS
    [grant] = await credit.reserve([ask("later", 1, lane="otp")])
    assert grant.lease == "lease-2"
    wait_for(lambda: len(amounts()) == 2)


async def test_codes_beyond_the_money_fall_back_to_the_account(pool: Pool, database: str) -> None:
    credit = AllowanceCredit(PostgresCredit(pool, lambda: NOW), pool, lambda: NOW)
    [grant] = await credit.reserve([ask("a", 120, lane="otp")])
    assert (grant.positions, grant.lease) == (everyone(100), None)
    [other] = await credit.reserve([ask("b", 5)])
    assert other.positions == 0
    assert balance(database) == (10_000, 10_000)


async def test_caps_let_so_many_messages_and_so_much_money_go_each_once(pool: Pool, database: str) -> None:
    credit = PostgresCredit(pool, lambda: NOW)
    caps = Caps(messages_per_day=25, spend_per_month=3_000)

    def capped(chunk: str, count: int, *, price: int = 100, round_: int = 0) -> CreditAsk:
        return replace(ask(chunk, count, price=price, round_=round_), caps=caps)

    (first,) = await credit.reserve([capped("a", 10)])
    assert (first.positions, first.capped) == (everyone(10), 0)
    second, third = await credit.reserve([capped("b", 10), capped("c", 10, price=0)])
    assert (second.positions, third.positions, third.capped) == (everyone(10), everyone(5), everyone(10) & ~everyone(5))
    assert third.capped_until == (NOW // 86_400_000 + 1) * 86_400_000
    again = await credit.reserve([capped("a", 10), capped("b", 10), capped("c", 10, price=0)])
    assert [grant.positions for grant in again] == [everyone(10), everyone(10), everyone(5)]
    (refused,) = await credit.reserve([capped("c", 10, price=0, round_=1)])
    assert refused.positions == everyone(5), "what was never reserved counts whenever it comes"
    (retried,) = await credit.reserve([capped("a", 10, round_=1)])
    assert (retried.positions, retried.capped) == (everyone(10), 0), "a retry was counted at its first try"

    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT period, messages, spent FROM tenant_usage ORDER BY period").fetchall()
    assert [(messages, spent) for _, messages, spent in rows] == [(25, 2_000)] * 2

    tomorrow = PostgresCredit(pool, lambda: third.capped_until)
    (later,) = await tomorrow.reserve([capped("d", 20)])
    assert (later.positions, later.capped) == (everyone(10), everyone(20) & ~everyone(10)), "money of the month"


async def test_codes_of_a_tenant_with_caps_are_counted_one_by_one(pool: Pool, database: str) -> None:
    credit = AllowanceCredit(PostgresCredit(pool, lambda: NOW), pool, lambda: NOW)
    grants = [
        (await credit.reserve([replace(ask(f"c{n}", 1, lane="otp"), caps=Caps(messages_per_day=3))]))[0] for n in range(5)
    ]
    assert [(grant.positions, grant.capped) for grant in grants] == [(1, 0)] * 3 + [(0, 1)] * 2


async def test_side_by_side_no_cap_is_exceeded(pool: Pool, database: str) -> None:
    credit = PostgresCredit(pool, lambda: NOW)
    caps = Caps(messages_per_month=30)
    grants = await asyncio.gather(*(credit.reserve([replace(ask(f"p{n}", 7), caps=caps)]) for n in range(10)))
    assert sum(grant.positions.bit_count() for (grant,) in grants) == 30
