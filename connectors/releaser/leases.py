"""The releaser's hold on the waiting room: lease rows, give them back smaller.

In: a condition and its parameters. Out: leased `HeldRow`s; `mark` takes positions out of rows that are still ours. A
lease lasts `LEASE_MS`: when a releaser dies, its rows are claimed again and what it had produced already is recognised
by intake and dispatch. Raises `DatabaseDown` when PostgreSQL is away; the caller tries again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from connectors.releaser.rows import HeldRow, each, read_row
from connectors.releaser.tenant_shares import Queue
from infra.postgres.pool import Connection, Pool, execute, fetch_all, look_up, single_statement, transaction
from infra.postgres.sql import load_sql
from schemas.values.positions import ranks_within
from schemas.values.reasons import Reason

LEASE_MS = 30_000
HERE = "connectors.releaser"
OLDEST_FIRST = "h.at, h.chunk"
ORDERS = {"due": "h.not_before", "room": "h.tenant, h.profile, h.at, h.chunk"}
"""Each as an index has it, so that a claim need not look at all that waits to find the first of it."""


class RowLeases:
    """Leases of one releaser process, under its `name`; `last_claim`: when it last got rows, in milliseconds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.name = str(uuid.uuid4())
        self.last_claim = 0

    async def claim(self, condition: str, now: int, limit: int, **params: Any) -> list[HeldRow]:
        """Up to `limit` rows of the statement `where_<condition>`, now leased to us."""
        picked = load_sql(HERE, "pick_rows").replace("/* condition */", load_sql(HERE, f"where_{condition}"))
        picked = picked.replace("/* order */", ORDERS.get(condition, OLDEST_FIRST))
        return await self._lease_rows(picked, now, {"limit": limit, **params})

    async def claim_shares(
        self, carrier: str, lane: str, shares: Sequence[tuple[str, Queue, int]], now: int, most: int
    ) -> list[HeldRow]:
        """The oldest rows of each tenant's queues that the shares reach into, `most` of each, now leased to us, tenant by
        tenant in this order, and what a profile's share bounds before its others. `shares`: tenant, queue, segments."""
        columns = {
            "tenants": [tenant for tenant, _, _ in shares],
            "reasons": [queue.reason for _, queue, _ in shares],
            "profiles": [queue.profile for _, queue, _ in shares],
            "shares": [share for _, _, share in shares],
        }
        place = {"carrier": carrier, "lane": lane, "limit": most}
        rows = await self._lease_rows(load_sql(HERE, "pick_shares"), now, {**columns, **place}, by_index=True)
        turns = {tenant: turn for turn, (tenant, _, _) in enumerate(shares)}
        return sorted(rows, key=lambda row: (turns[row.tenant], row.reason != Reason.SHARE))

    async def _lease_rows(
        self, picked: str, now: int, params: Mapping[str, Any], *, by_index: bool = False
    ) -> list[HeldRow]:
        text = _with_parts(load_sql(HERE, "claim").replace("/* picked */", picked))
        values = {"now": now, "until": now + LEASE_MS, "lease": self.name, **params}
        async with (look_up if by_index else single_statement)(self._pool) as connection:
            rows = await fetch_all(connection, text, values)
        if rows:
            self.last_claim = now
        return each(rows, read_row)

    async def mark(self, taken: Sequence[tuple[HeldRow, int]]) -> None:
        """Take these positions out of their rows and end the leases; 0 gives a row back untouched."""
        rows = [(row, row.positions & ~positions) for row, positions in taken]
        async with single_statement(self._pool) as connection:
            await execute(
                connection,
                load_sql(HERE, "mark"),
                {
                    "lease": self.name,
                    **_keys([row for row, _ in rows]),
                    "positions": [rest.to_bytes((rest.bit_length() + 7) // 8, "little") for _, rest in rows],
                    "waiting": [rest.bit_count() for _, rest in rows],
                    "segments": [_segments(row, rest) for row, rest in rows],
                },
            )

    async def postpone(self, rows: Sequence[HeldRow], until: int) -> None:
        """Nobody claims these rows before `until` (ms)."""
        if rows:
            async with single_statement(self._pool) as connection:
                values = {"lease": self.name, "until": until, **_keys(rows)}
                await execute(connection, load_sql(HERE, "postpone"), values)

    async def read_started(self, rows: Sequence[HeldRow]) -> list[int]:
        """For each row the positions for which a carrier call was begun under its send or a later one, as PostgreSQL knows
        now."""
        async with single_statement(self._pool) as connection:
            found = await fetch_all(connection, load_sql(HERE, "started"), _keys(rows))
        return [_union(bitmaps) for (bitmaps,) in found]

    async def to_share(self, rows: Sequence[HeldRow]) -> None:
        """These rows wait for their profile's share from now on."""
        if rows:
            profiles = [row.slice.profile for row in rows]
            await self.execute("to_share", {"lease": self.name, "profiles": profiles, **_keys(rows)})

    async def pass_on(self, rows: Sequence[HeldRow]) -> list[HeldRow]:
        """Note that these rows go to another carrier; those that are still ours."""
        if not rows:
            return []
        async with single_statement(self._pool) as connection:
            noted = await fetch_all(connection, load_sql(HERE, "pass_on"), {"lease": self.name, **_keys(rows)})
        ours = {tuple(key) for key in noted}
        return [row for row in rows if row.key in ours]

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """For several statements that count together or not at all."""
        return transaction(self._pool)

    async def query(self, name: str, params: Mapping[str, Any], *, by_index: bool = False) -> list[tuple[Any, ...]]:
        """The rows of one of our statements; `by_index`: found by index whatever the planner thinks."""
        async with (look_up if by_index else single_statement)(self._pool) as connection:
            return await fetch_all(connection, _with_parts(load_sql(HERE, name)), params)

    async def execute(self, name: str, params: Mapping[str, Any]) -> None:
        """Run one of our statements for its effect."""
        async with single_statement(self._pool) as connection:
            await execute(connection, load_sql(HERE, name), params)


def _with_parts(text: str) -> str:
    return text.replace("/* may_go_now */", load_sql(HERE, "may_go_now"))


def _keys(rows: Sequence[HeldRow]) -> dict[str, list[Any]]:
    """The rows' primary keys, as columns."""
    return {
        "tenants": [row.tenant for row in rows],
        "chunks": [row.chunk for row in rows],
        "sends": [row.send for row in rows],
        "holds": [row.hold for row in rows],
        "portions": [row.portion for row in rows],
    }


def _union(bitmaps: Sequence[bytes] | None) -> int:
    positions = 0
    for bitmap in bitmaps or ():
        positions |= int.from_bytes(bitmap, "little")
    return positions


def _segments(row: HeldRow, rest: int) -> int:
    if not rest or not row.slice.segments:
        return 0
    return sum(row.slice.segments[i] for i in ranks_within(row.slice.positions, rest))
