"""Where messages stand that have stepped back for a moment.

In: what puts a message back, its destination, when (time of the loop). Out: that call, at its time, or earlier when the
destination is called. A message here is with nobody: neither waiting nor in flight.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Collection

Recall = Callable[[], None]


class BackoffQueue:
    """The backoff_queue of one carrier; `wake` when messages have come back."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, int, Recall]] = []  # a heap: when, number, destination, call
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, until: float, destination: int, put_back: Recall) -> None:
        """`put_back` at this time."""
        heapq.heappush(self._waiting, (until, next(self._numbers), destination, put_back))
        self._set_timer()

    def recall(self, destinations: Collection[int]) -> None:
        """The messages to these come back now."""
        coming = [one for one in self._waiting if one[2] in destinations]
        if coming:
            self._waiting = [one for one in self._waiting if one[2] not in destinations]
            heapq.heapify(self._waiting)
            self._put_back(coming)

    def recall_all(self) -> None:
        """All come back now."""
        coming, self._waiting = self._waiting, []
        self._put_back(coming)

    def _due(self) -> None:
        self._timer = None
        now, coming = self._loop.time(), []
        while self._waiting and self._waiting[0][0] <= now:
            coming.append(heapq.heappop(self._waiting))
        self._put_back(coming)

    def _put_back(self, coming: list[tuple[float, int, int, Recall]]) -> None:
        for _, _, _, put_back in sorted(coming, key=lambda one: one[1]):
            put_back()
        if coming:
            self._wake()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._due)
