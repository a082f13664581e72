"""What tenants with caps have used of the present day and month, within one transaction of the accounts.

In: asks of tenants whose accounts are locked, so that nobody else counts for them meanwhile. Out: the positions that their
caps allow; the counts, written with the reservations. Each position counts once, when it is reserved first: a retry of what
was never reserved counts, another one was counted at its first try. Raises `DatabaseDown`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.postgres.pool import execute, fetch_all
from infra.postgres.sql import load_sql
from schemas.rules.caps import Left, Used, left_of, periods
from schemas.values.positions import places, positions_of, ranked_positions
from streams.ports import CreditAsk


class CapUsage:
    """Of one transaction at `now` (ms). `open` reads the counts, `close` writes them."""

    def __init__(self, now: int) -> None:
        self._periods = periods(now)
        self._now = now
        self._left: dict[str, Left] = {}
        self._added: dict[str, Used] = {}
        self._counted: dict[tuple[str, str], int] = {}

    async def open(self, connection: Any, asks: Sequence[CreditAsk]) -> None:
        """Know what these tenants have used."""
        capped = {ask.tenant: ask.caps for ask in asks if ask.caps is not None}
        if not capped:
            return
        used: dict[str, dict[str, Used]] = {}
        rows = await fetch_all(connection, load_sql(__package__ or "", "cap_usage"), (list(capped), list(self._periods)))
        for tenant, period, messages, spent in rows:
            used.setdefault(tenant, {})[period] = Used(messages, spent)
        self._left = {tenant: left_of(caps, used.get(tenant, {}), self._now) for tenant, caps in capped.items()}
        await self._read_counted(connection, sorted({(ask.tenant, ask.chunk) for ask in asks if ask.caps and ask.round}))

    async def _read_counted(self, connection: Any, chunks: Sequence[tuple[str, str]]) -> None:
        """What was reserved of these chunks in any round."""
        if not chunks:
            return
        columns = [list(column) for column in zip(*chunks, strict=True)]
        for tenant, chunk, positions in await fetch_all(connection, load_sql(__package__ or "", "cap_counted"), columns):
            known = self._counted.get((tenant, chunk), 0)
            self._counted[tenant, chunk] = known | int.from_bytes(positions, "little")

    def left_for(self, ask: CreditAsk) -> Left | None:
        """What its caps leave to this ask; None: it has none."""
        return self._left.get(ask.tenant)

    def uncounted(self, ask: CreditAsk, positions: int) -> int:
        """Those of these positions that count when they go."""
        return positions & ~self._counted.get((ask.tenant, ask.chunk), 0)

    def add(self, ask: CreditAsk, positions: int) -> None:
        """These positions go."""
        left, fresh = self.left_for(ask), self.uncounted(ask, positions)
        if left is not None and fresh:
            count, before = fresh.bit_count(), self._added.get(ask.tenant, Used())
            cost = ask.price * sum(ask.segments[rank] for rank, _ in ranked_positions(ask.positions, fresh))
            self._left[ask.tenant] = left._replace(messages=left.messages - count, money=left.money - cost)
            self._added[ask.tenant] = Used(before.messages + count, before.spent + cost)

    async def close(self, connection: Any) -> None:
        """Write what was added to both periods."""
        rows = [(tenant, period, *used) for tenant, used in sorted(self._added.items()) for period in self._periods]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            await execute(connection, load_sql(__package__ or "", "cap_usage_add"), columns)


def first_messages(positions: int, count: int) -> int:
    """The first so many of these positions."""
    return positions if positions.bit_count() <= count else positions_of(places(positions)[:count])
