"""Long work on the event loop in short steps, and no more steps in a round of the loop than leave room for everybody else.

Enters: iterators whose steps take milliseconds at most. Leaves: what they give, when all steps are done. However many
requests have long work at a time, those with little to do wait for one round, of about `ROUND_SECONDS` and a step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

ROUND_SECONDS = 0.005
T = TypeVar("T")
_END = object()


class LoopScheduler:
    """Cooperative: whoever fills a round keeps the others waiting until the next has begun."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._spent = 0.0

    async def run(self, steps: Iterator[None]) -> None:
        """Run all steps."""
        while True:
            if await self.run_step(lambda: next(steps, _END)) is _END:
                return
            await asyncio.sleep(0)

    async def run_to_result(self, steps: Generator[None, None, T]) -> T:
        """Run all steps; what the generator returns."""
        made: list[T] = []

        def through() -> Iterator[None]:
            made.append((yield from steps))

        await self.run(through())
        return made[0]

    async def run_step(self, step: Callable[[], T]) -> T:
        """Run one step when the round has room for it."""
        async with self._lock:
            begun = self._clock()
            try:
                return step()
            finally:
                if not self._spent:
                    asyncio.get_running_loop().call_soon(self._begin_round)
                # A step takes some time, whatever the clock says.
                self._spent += max(self._clock() - begun, 1e-9)
                if self._spent >= ROUND_SECONDS:
                    await asyncio.sleep(0)

    def _begin_round(self) -> None:
        self._spent = 0.0
