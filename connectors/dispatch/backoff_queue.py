"""Messages whose destination is not to be asked again for a moment.

In: the call that puts a message back, its destination, when (time of the loop). Out: that call, at its time, or earlier when
the destination is recalled. A message here is in no other place: neither waiting in its batch nor in flight.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Collection

Recall = Callable[[], None]


class BackoffQueue:
    """Of one carrier; `wake` is called when messages were put back."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, int, Recall]] = []  # a heap: when, number, destination, call
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, until: float, destination: int, put_back: Recall) -> None:
        """Call `put_back` at this time."""
        heapq.heappush(self._waiting, (until, next(self._numbers), destination, put_back))
        self._set_timer()

    def recall(self, destinations: Collection[int]) -> None:
        """Put the messages to these destinations back now."""
        due = [one for one in self._waiting if one[2] in destinations]
        if due:
            self._waiting = [one for one in self._waiting if one[2] not in destinations]
            heapq.heapify(self._waiting)
            self._put_back(due)

    def recall_all(self) -> None:
        """Put all messages back now."""
        due, self._waiting = self._waiting, []
        self._put_back(due)

    def _due(self) -> None:
        self._timer = None
        now, due = self._loop.time(), []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting))
        self._put_back(due)

    def _put_back(self, due: list[tuple[float, int, int, Recall]]) -> None:
        for _, _, _, put_back in sorted(due, key=lambda one: one[1]):
            put_back()
        if due:
            self._wake()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._due)
