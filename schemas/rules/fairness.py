"""Least served first: who of those that have work is next, when something scarce is shared by weight.

In: keys (tenants) that have work or have none any more, their weights, what each was served (segments). Out: the key that
has had the least for its weight, the shares of an amount, the keys in their order. Who comes anew, or comes back, starts at
what the least served of the others has had: nobody saves up a claim while away, and who was served ahead still stands back.
Pure, in memory; whoever forgets it (a process that died) starts with everybody alike, and loses nothing by it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

QUANTUM_SECONDS = 0.25
"""In so long everybody who has work is served once, as long as a quantum is not less than `SHORTEST_SECONDS`."""
SHORTEST_SECONDS = 0.005
"""Of a carrier's rate, and so at least: with very many tenants a quantum would be one message, which costs a look at a
chunk."""
KEPT = 64


def quantum(rate: float, active: int) -> int:
    """Segments that one of `active` tenants is given at a time at a carrier of this rate."""
    return max(1, int(rate * max(QUANTUM_SECONDS / max(1, active), SHORTEST_SECONDS)))


class LeastServed(Generic[Key]):
    """What each key was served, by its weight. `len`: how many take part."""

    def __init__(self) -> None:
        self._served: dict[Key, float] = {}  # of those that take part: segments by weight, from a common start
        self._turns: dict[Key, int] = {}  # when each came or was served last: of equals, the first is next
        self._weights: dict[Key, float] = {}
        self._left: dict[Key, float] = {}  # of those that left, as long as it is more than newcomers start at
        self._heap: list[tuple[float, int, Key]] = []  # entries of the past stay until they come to the top
        self._numbers = itertools.count(1)
        self._floor = 0.0

    def __len__(self) -> int:
        return len(self._served)

    def __contains__(self, key: object) -> bool:
        return key in self._served

    def enter(self, key: Key, weight: float = 1.0) -> None:
        """This key has work. Entering again changes its weight alone."""
        self._weights[key] = weight
        if key not in self._served:
            self._raise_floor()
            self._put(key, max(self._floor, self._left.pop(key, 0.0)))

    def leave(self, key: Key) -> None:
        """It has none."""
        if key not in self._served:
            return
        self._raise_floor()
        served = self._served.pop(key)
        del self._turns[key], self._weights[key]
        if not self._served:
            self._floor, self._heap = max(self._floor, served), []
            self._left.clear()
        else:
            self._left[key] = served
            self._forget()

    def charge(self, key: Key, segments: int) -> None:
        """It was served so much; less than nothing: it was not, after all. Who takes no part is not charged."""
        if key in self._served:
            self._put(key, max(self._floor, self._served[key] + segments / self._weights[key]))

    def least(self) -> Key | None:
        """Who is next; None when nobody takes part."""
        if len(self._served) == 1:
            return next(iter(self._served))
        return self._top() if self._served else None

    def in_order(self) -> list[Key]:
        """All, who is next first."""
        return sorted(self._served, key=lambda key: (self._served[key], self._turns[key]))

    def share_out(self, amount: int, quantum: int) -> dict[Key, int]:
        """Shares of this amount, by quanta to the least served each time; who is first comes first. Nothing is charged."""
        if len(self._served) == 1:
            return dict.fromkeys(self._served, amount)
        heap = [(served, self._turns[key], key) for key, served in self._served.items()]
        heapq.heapify(heap)
        last, shares = max(self._turns.values(), default=0), dict[Key, int]()
        while amount > 0 and heap:
            served, _, key = heap[0]
            part, last = min(quantum, amount), last + 1
            shares[key] = shares.get(key, 0) + part
            heapq.heapreplace(heap, (served + part / self._weights[key], last, key))
            amount -= part
        return shares

    def _put(self, key: Key, served: float) -> None:
        turn = next(self._numbers)
        self._served[key], self._turns[key] = served, turn
        if len(self._served) > 1 and not self._heap:
            self._heap = [(value, self._turns[other], other) for other, value in self._served.items()]
            heapq.heapify(self._heap)
        elif len(self._served) > 1:
            heapq.heappush(self._heap, (served, turn, key))
        else:
            self._heap = []
        if len(self._heap) > 2 * len(self._served) + KEPT:
            self._heap = [(value, self._turns[other], other) for other, value in self._served.items()]
            heapq.heapify(self._heap)

    def _top(self) -> Key:
        while True:
            served, turn, key = self._heap[0]
            if self._served.get(key) == served and self._turns[key] == turn:
                return key
            heapq.heappop(self._heap)

    def _raise_floor(self) -> None:
        least = self.least()
        if least is not None:
            self._floor = max(self._floor, self._served[least])

    def _forget(self) -> None:
        if len(self._left) > len(self._served) + KEPT:
            self._left = {key: served for key, served in self._left.items() if served > self._floor}
