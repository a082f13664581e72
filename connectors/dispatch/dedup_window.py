"""What was settled hours ago, beyond what memory and the log of calls still know.

In: what is settled; slices seen for the first time. Out: bitmaps in Redis; which positions of a slice are settled already.
While Redis is younger than the window (or away) a miss there proves nothing: marketing then asks PostgreSQL, and waits as
long as that is away too; the urgent lanes go on. What Redis could not take is kept and tried again, the oldest given up
beyond `MOST_UNWRITTEN`: the log of calls still has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from connectors.dispatch.send_progress import SendKey
from infra.postgres.pool import DatabaseDown, Pool, fetch_all, transaction
from infra.postgres.sql import load_sql
from infra.redis.client import RedisDown
from infra.redis.settled import LIFE_SECONDS
from schemas.records.slice import Slice
from schemas.values.lanes import Lane

MOST_UNWRITTEN = 100_000
AGE_KNOWN_SECONDS = 5.0
log = structlog.get_logger()


class Bitmaps(Protocol):
    """`infra.redis.settled.SettledWindow`."""

    async def merge(self, settled: dict[SendKey, int]) -> None: ...
    async def read(self, send_keys: Sequence[SendKey]) -> list[int]: ...
    async def age_seconds(self) -> float: ...


class DedupWindow:
    """One a process."""

    def __init__(self, bitmaps: Bitmaps, pool: Pool) -> None:
        self._bitmaps = bitmaps
        self._pool = pool
        self._unwritten: dict[SendKey, int] = {}
        self._merging = 0
        self._covered = False
        self._age_read_at = float("-inf")

    def remember(self, send_key: SendKey, positions: int) -> None:
        """These positions are settled; the next `flush` writes it."""
        self._unwritten[send_key] = self._unwritten.pop(send_key, 0) | positions
        if len(self._unwritten) > MOST_UNWRITTEN:
            del self._unwritten[next(iter(self._unwritten))]

    async def flush(self) -> None:
        """Write what is to be remembered; what Redis does not take stays for the next time."""
        if not self._unwritten:
            return
        unwritten, self._unwritten = self._unwritten, {}
        self._merging += 1
        try:
            await self._bitmaps.merge(unwritten)
        except RedisDown:
            for send_key, positions in self._unwritten.items():
                unwritten[send_key] = unwritten.get(send_key, 0) | positions
            self._unwritten = unwritten
        finally:
            self._merging -= 1

    async def flushed(self) -> bool:
        """Flush; whether Redis knows all that was settled."""
        await self.flush()
        return not (self._unwritten or self._merging)

    async def find_settled(self, slices: Sequence[Slice], lane: Lane) -> dict[SendKey, int]:
        """Positions that are settled, by (chunk, send) of these slices. Waits where nobody can tell and sending twice is
        worse."""
        send_keys = [(slice_.chunk, slice_.send) for slice_ in slices]
        found: dict[SendKey, int] = {}
        try:
            found = dict(zip(send_keys, await self._bitmaps.read(send_keys), strict=True))
            miss_is_proof = await self._covers_window()
        except RedisDown:
            miss_is_proof = False
        if miss_is_proof or lane is not Lane.MARKETING:
            return found
        for send_key, started in (await self._in_postgres(slices)).items():
            found[send_key] = found.get(send_key, 0) | started
        return found

    async def _covers_window(self) -> bool:
        """Whether a miss in Redis proves that nothing was settled."""
        now = asyncio.get_running_loop().time()
        if now - self._age_read_at > AGE_KNOWN_SECONDS:
            self._covered = await self._bitmaps.age_seconds() >= LIFE_SECONDS
            self._age_read_at = now
        return self._covered

    async def _in_postgres(self, slices: Sequence[Slice]) -> dict[SendKey, int]:
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
