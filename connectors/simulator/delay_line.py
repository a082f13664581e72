"""Things that are due later, with one timer however many wait.

In: `push(due, item)`, due on the loop's clock. Out: `deliver` with everything that is due, in order of time, then of
arrival. Timers fire at most every 2 ms.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_GRAIN = 0.002


class DelayLine(Generic[Item]):
    """Give `close` a call, or the timer keeps the loop's reference."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[list[Item]], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._heap: list[tuple[float, int, Item]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, due: float, item: Item) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, item))
        if self._timer is None or due < self._timer.when() - _GRAIN:
            self._arm()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._heap.clear()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(max(self._heap[0][0], self._loop.time() + _GRAIN), self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        due: list[Item] = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[2])
        if self._heap:
            self._arm()
        if due:
            self._deliver(due)
