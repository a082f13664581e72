"""Credit from the accounts in PostgreSQL: what is granted is reserved in the same transaction.

In: a batch of asks. Out: the positions that are reserved under (tenant, chunk, round, price class), new ones and those of
before: a repeat reserves nothing twice. One transaction a batch; where the money does not suffice, as many positions as
fit, in order. Never overdrawn: balance - reserved is checked and moved under the account's lock. An account that does not
exist has no money. What a tenant's caps do not allow is told apart (`capped`), and counts nothing. `PortDown` when
PostgreSQL is away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from infra.postgres.pool import DatabaseDown, Pool, execute, fetch_all, transaction
from infra.postgres.sql import load_sql
from schemas.rules.capacity import positions_that_fit
from schemas.values.positions import everyone, ranked_positions
from streams.adapters.cap_usage import CapUsage, first_messages
from streams.ports import CreditAsk, CreditGrant, PortDown

Key = tuple[str, str, int, int]


class PostgresCredit:
    """The accounts. `clock` in milliseconds."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock

    async def reserve(self, asks: Sequence[CreditAsk]) -> list[CreditGrant]:
        """One grant per ask, in order. Raises PortDown."""
        if not asks:
            return []
        try:
            async with transaction(self._pool) as connection:
                return await self._reserve(connection, asks)
        except DatabaseDown as fault:
            raise PortDown(f"the accounts are away: {fault}") from fault

    async def _reserve(self, connection: Any, asks: Sequence[CreditAsk]) -> list[CreditGrant]:
        tenants = sorted({ask.tenant for ask in asks})
        purse = dict(await fetch_all(connection, load_sql(__package__ or "", "credit_balances"), (tenants,)))
        before = dict(purse)
        usage = CapUsage(self._clock())
        await usage.open(connection, asks)
        rows = await self._known(connection, asks)
        changed: dict[Key, tuple[CreditAsk, int]] = {}
        grants = []
        for ask in asks:
            key = (ask.tenant, ask.chunk, ask.round, ask.price_class)
            positions, segments = rows.setdefault(key, (0, bytearray(ask.size)))
            wanted, until = ask.positions & ~positions, 0
            allowed = wanted
            if wanted and (left := usage.left_for(ask)) is not None:
                fresh = usage.uncounted(ask, wanted)
                within = first_messages(fresh, left.messages)
                going = affordable(ask, within, left.money)
                allowed = wanted & ~fresh | going
                until = left.messages_until if going == within else left.money_until
            new = affordable(ask, allowed, purse.get(ask.tenant, -1))  # without an account not even what is free
            if new:
                cost = enter(ask, new, segments)
                usage.add(ask, new)
                purse[ask.tenant] -= cost
                rows[key] = (positions | new, segments)
                changed[key] = (ask, changed.get(key, (ask, 0))[1] + cost)
            grants.append(
                CreditGrant(
                    positions=ask.positions & (positions | new), lease=None, capped=wanted & ~allowed, capped_until=until
                )
            )
        if changed:
            await usage.close(connection)
            await self._write(connection, rows, changed)
            moved = {tenant: before[tenant] - left for tenant, left in purse.items() if before[tenant] != left}
            await execute(connection, load_sql(__package__ or "", "credit_move"), [list(moved), list(moved.values())])
        return grants

    async def _known(self, connection: Any, asks: Sequence[CreditAsk]) -> dict[Key, tuple[int, bytearray]]:
        keys = sorted({(ask.tenant, ask.chunk, ask.round, ask.price_class) for ask in asks})
        found = await fetch_all(connection, load_sql(__package__ or "", "credit_reservations"), columns(keys))
        return {(row[0], row[1], row[2], row[3]): (int.from_bytes(row[4], "little"), bytearray(row[5])) for row in found}

    async def _write(
        self, connection: Any, rows: dict[Key, tuple[int, bytearray]], changed: dict[Key, tuple[CreditAsk, int]]
    ) -> None:
        now = self._clock()
        await execute(
            connection,
            load_sql(__package__ or "", "credit_write"),
            columns(
                (
                    *key,
                    ask.campaign,
                    ask.price,
                    rows[key][0].to_bytes((ask.size + 7) // 8, "little"),
                    bytes(rows[key][1]),
                    amount,
                    now,
                )
                for key, (ask, amount) in sorted(changed.items(), key=lambda entry: entry[0])
            ),
        )


def affordable(ask: CreditAsk, positions: int, money: int) -> int:
    """The first of these positions of the ask that this much money pays for."""
    if not positions or money < 0:
        return 0
    if not ask.price:
        return positions
    column = (
        ask.segments
        if positions == ask.positions
        else bytes(ask.segments[rank] for rank, _ in ranked_positions(ask.positions, positions))
    )
    return positions_that_fit(positions, column, money // ask.price)


def enter(ask: CreditAsk, positions: int, segments: bytearray) -> int:
    """Note the segments of these positions in the reservation's column over the chunk; what they cost."""
    if len(segments) < ask.size:
        segments.extend(bytes(ask.size - len(segments)))
    if positions == ask.positions == everyone(ask.size):
        segments[: ask.size] = ask.segments
        return sum(ask.segments) * ask.price
    total = 0
    for rank, position in ranked_positions(ask.positions, positions):
        segments[position] = ask.segments[rank]
        total += ask.segments[rank]
    return total * ask.price


def columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """Rows as the columns that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]
