"""The long window: positions settled hours ago, beyond memory and log.

In: what is settled; slices seen for the first time. Out: bitmaps in Redis; which positions of a slice are done already.
While Redis is younger than the window (or away) it proves nothing: marketing then asks PostgreSQL, and waits as long as
that is away too; the urgent lanes go on. What Redis could not take is kept and tried again, the oldest given up beyond
`MOST_KEPT`: the log of calls still has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from infra.postgres.pool import DatabaseDown, Pool, fetch_all, transaction
from infra.postgres.sql import load_sql
from infra.redis.client import RedisDown
from infra.redis.settled import LIFE_SECONDS
from schemas.records.slice import Slice
from schemas.values.lanes import Lane

MOST_KEPT = 100_000
AGE_KNOWN_SECONDS = 5.0
log = structlog.get_logger()
Place = tuple[str, int]


class Bitmaps(Protocol):
    """`infra.redis.settled.SettledWindow`."""

    async def merge(self, settled: dict[Place, int]) -> None: ...
    async def read(self, places: Sequence[Place]) -> list[int]: ...
    async def age_seconds(self) -> float: ...


class DedupWindow:
    """One a process."""

    def __init__(self, bitmaps: Bitmaps, pool: Pool) -> None:
        self._bitmaps = bitmaps
        self._pool = pool
        self._kept: dict[Place, int] = {}
        self._old = False
        self._asked_at = float("-inf")

    def note(self, place: Place, positions: int) -> None:
        """These positions are settled; to be written with the next `flush`."""
        self._kept[place] = self._kept.pop(place, 0) | positions
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def flush(self) -> None:
        """Write what was noted; what Redis does not take stays for the next time."""
        if not self._kept:
            return
        kept, self._kept = self._kept, {}
        try:
            await self._bitmaps.merge(kept)
        except RedisDown:
            for place, positions in self._kept.items():
                kept[place] = kept.get(place, 0) | positions
            self._kept = kept

    async def done(self, slices: Sequence[Slice], lane: Lane) -> dict[Place, int]:
        """Positions of these slices' (chunk, send) that are done; waits where nobody can tell and a repeat is worse."""
        places = [(slice_.chunk, slice_.send) for slice_ in slices]
        found: dict[Place, int] = {}
        try:
            found = dict(zip(places, await self._bitmaps.read(places), strict=True))
            proves = await self._is_old()
        except RedisDown:
            proves = False
        if proves or lane is not Lane.MARKETING:
            return found
        for place, started in (await self._in_postgres(slices)).items():
            found[place] = found.get(place, 0) | started
        return found

    async def _is_old(self) -> bool:
        """Whether a miss in Redis proves that nothing was settled."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_at > AGE_KNOWN_SECONDS:
            self._old = await self._bitmaps.age_seconds() >= LIFE_SECONDS
            self._asked_at = now
        return self._old

    async def _in_postgres(self, slices: Sequence[Slice]) -> dict[Place, int]:
        columns = ([s.tenant for s in slices], [s.chunk for s in slices], [s.send for s in slices])
        while True:
            try:
                async with transaction(self._pool) as connection:
                    rows = await fetch_all(connection, load_sql("connectors.dispatch", "attempt_chunks"), columns)
                return {(chunk, send): int.from_bytes(started, "little") for chunk, send, started in rows}
            except DatabaseDown as fault:
                log.warning(
                    "marketing waits: neither Redis nor PostgreSQL can say what was sent before",
                    action="window_unknown",
                    error=str(fault),
                )
                await asyncio.sleep(0.5)
