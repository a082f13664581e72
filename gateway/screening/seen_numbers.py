"""Exact duplicates among the destinations of one upload, in about eight bytes a number and a constant.

Enters: E.164 numbers, below 2^64, some hundred at a time. Leaves: which of them were there before. Up to `SMALL` numbers
stand in a set, the constant; beyond, in a `NumberTable`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from gateway.screening.number_table import NumberTable

SMALL = 4_000
"""As many as are put elsewhere at once within a millisecond, in which nobody else has a turn."""
_BITS = 64


class SeenNumbers:
    """The destinations so far."""

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._many: NumberTable | None = None

    def find_repeats(self, numbers: Collection[int]) -> list[int]:
        """Remember these numbers, and find the ranks of those that were there already, or stand further up among them."""
        if self._many is not None:
            return self._many.add(numbers)
        if len(self._few) + len(numbers) <= SMALL:
            return self._add_few(numbers)
        few, self._few = self._few, set()
        self._many = NumberTable(secrets.randbits(_BITS) | 1)
        self._many.add(few)
        return self._many.add(numbers)

    def _add_few(self, numbers: Collection[int]) -> list[int]:
        few, fresh = self._few, set(numbers)
        if len(fresh) == len(numbers) and few.isdisjoint(fresh):
            few |= fresh
            return []
        repeated = []
        for rank, number in enumerate(numbers):
            if number in few:
                repeated.append(rank)
            few.add(number)
        return repeated
