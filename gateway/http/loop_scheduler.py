"""Long work on the event loop in short steps, and no more steps in a round of the loop than leave room for everybody else.

Enters: iterators whose steps take milliseconds at most, each with the tenant it is done for. Leaves: what they give, when
all steps are done. However many requests have long work at a time, those with little to do wait for one round, of about
`ROUND_SECONDS` and a step, at most each time they ask the loop: a full round is followed by a rest. Tenants take turns,
however many requests each of them has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar
from weakref import WeakValueDictionary

ROUND_SECONDS = 0.002
"""A message that is accepted asks the loop some ten times, so it waits ten rounds beside long work."""
REST_SECONDS = 0.002
"""Between two full rounds the loop is everybody else's, for so long that what they ask of it has been answered."""
TURN_SECONDS = 0.001
"""Short steps of one request that follow each other at once: whoever waits for a turn gets it in the next round."""
DROPPED_AT_ONCE = 50
"""Entries that are freed in a step: each may hold a hundred texts."""
T = TypeVar("T")
_END = object()


class LoopScheduler:
    """Cooperative: whoever fills a round keeps the others waiting until the next has begun."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        # One request of each tenant waits for the turn, the others for that one; a lock serves in the order of asking.
        self._tenants: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._spent = 0.0

    async def run(self, steps: Iterator[None], tenant: str) -> None:
        """Run all steps."""
        while True:
            if not await self.run_step(lambda: self._goes_on(steps), tenant):
                return
            await asyncio.sleep(0)

    async def run_to_result(self, steps: Generator[None, None, T], tenant: str) -> T:
        """Run all steps; what the generator returns."""
        made: list[T] = []

        def through() -> Iterator[None]:
            made.append((yield from steps))

        await self.run(through(), tenant)
        return made[0]

    async def drop(self, entries: list[Any], tenant: str) -> None:
        """Empty a long list. A million texts that go at once, at the end of a request, keep everybody waiting."""
        if len(entries) > DROPPED_AT_ONCE:
            await self.run(drop_all(entries), tenant)

    async def next_of(self, things: Iterator[T], tenant: str) -> T | None:
        """The next of these, None at the end: to make it is a step."""
        return await self.run_step(lambda: next(things, None), tenant)

    async def run_step(self, step: Callable[[], T], tenant: str) -> T:
        """Run one step when the round has room for it and the tenant has the turn."""
        own = self._tenants.get(tenant)
        if own is None:
            own = self._tenants[tenant] = asyncio.Lock()
        async with own, self._lock:
            begun = self._clock()
            try:
                return step()
            finally:
                if not self._spent:
                    asyncio.get_running_loop().call_soon(self._begin_round)
                # A step takes some time, whatever the clock says.
                self._spent += max(self._clock() - begun, 1e-9)
                if self._spent >= ROUND_SECONDS:
                    await asyncio.sleep(REST_SECONDS)

    def _goes_on(self, steps: Iterator[None]) -> bool:
        """A turn of steps; whether there are more."""
        end = self._clock() + TURN_SECONDS
        while next(steps, _END) is not _END:
            if self._clock() >= end:
                return True
        return False

    def _begin_round(self) -> None:
        self._spent = 0.0


def drop_all(entries: list[Any]) -> Iterator[None]:
    """Empty this list, in steps."""
    while entries:
        del entries[-DROPPED_AT_ONCE:]
        yield
