"""Exact duplicates among the destinations of one upload, in at most eight bytes a number and a constant.

Enters: E.164 numbers, below 2^50. Leaves: whether the number was there before. Up to `SMALL` numbers stand in a set, the
constant. Beyond, a number is multiplied by a secret odd factor modulo 2^50, which loses nothing: the upper 16 bits name
a bucket, the lower 34 are kept there as five bytes, so equal bytes in the same bucket are the same number. The factor is
drawn per upload, so that nobody can aim at one bucket.
"""

from __future__ import annotations

import secrets

SMALL = 100_000
_BITS = 50
_MASK = (1 << _BITS) - 1
_LOW = 34
_LOW_MASK = (1 << _LOW) - 1
_WIDTH = 5


class SeenNumbers:
    """The destinations so far."""

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._buckets: list[bytearray] = []
        self._factor = secrets.randbits(_BITS) | 1

    def add(self, number: int) -> bool:
        """Remember the number; False when it was there already."""
        if not self._buckets:
            return self._add_few(number)
        mixed = number * self._factor & _MASK
        bucket = self._buckets[mixed >> _LOW]
        entry = (mixed & _LOW_MASK).to_bytes(_WIDTH, "little")
        at = bucket.find(entry)
        while at >= 0:
            if at % _WIDTH == 0:
                return False
            at = bucket.find(entry, at + 1)
        bucket += entry
        return True

    def _add_few(self, number: int) -> bool:
        if number in self._few:
            return False
        self._few.add(number)
        if len(self._few) > SMALL:
            few, self._few = self._few, set()
            self._buckets = [bytearray() for _ in range(1 << _BITS - _LOW)]
            for known in few:
                self.add(known)
        return True
