"""Exact duplicates among the destinations of one upload, in at most eight bytes a number and a constant.

Enters: E.164 numbers, below 2^64, some hundred at a time. Leaves: which of them were there before. Up to `SMALL` numbers
stand in a set, the constant. Beyond, a number is multiplied by a secret odd factor modulo 2^64, which loses nothing: the
upper 16 bits name a place, the lower 48 are kept there as six bytes, so equal bytes at the same place are the same number.
The factor is drawn per upload, so that nobody can aim at one place.
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Collection
from struct import Struct

SMALL = 4_000
"""As many as are put elsewhere at once within a millisecond, in which nobody else has a turn."""
_BITS = 64
_PLACES = 1 << 16
_LANE = 16
_ENTRY = Struct("<6sH8x")
"""The product of one number in its lane of 16 bytes; what is above 2^64 is left out."""
_WIDTH = 6


class SeenNumbers:
    """The destinations so far."""

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._places: list[bytes] = []
        self._factor = secrets.randbits(_BITS) | 1

    def find_repeats(self, numbers: Collection[int]) -> list[int]:
        """Remember these numbers, and find the ranks of those that were there already, or stand further up among them."""
        if self._places:
            return self._add_many(numbers)
        if len(self._few) + len(numbers) <= SMALL:
            return self._add_few(numbers)
        few, self._few = self._few, set()
        self._places = [b""] * _PLACES
        self._add_many(few)
        return self._add_many(numbers)

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

    def _add_many(self, numbers: Collection[int]) -> list[int]:
        """Bytes that grow by copies of themselves are quicker here than a bytearray: a place holds a dozen entries."""
        places, repeated = self._places, []
        for rank, (entry, place) in enumerate(_ENTRY.iter_unpack(self._products(numbers))):
            known = places[place]
            if entry in known and _is_whole(entry, known):
                repeated.append(rank)
            else:
                places[place] = known + entry
        return repeated

    def _products(self, numbers: Collection[int]) -> bytes:
        """Every number times the factor by one multiplication: a lane is wider than any product."""
        lanes = array("Q", bytes(_LANE * len(numbers)))
        lanes[::2] = array("Q", numbers)
        product = int.from_bytes(lanes.tobytes(), "little") * self._factor
        return product.to_bytes(_LANE * len(numbers), "little")


def _is_whole(entry: bytes, known: bytes) -> bool:
    """Whether the entry stands there, not merely its bytes across two others."""
    at = known.find(entry)
    while at >= 0 and at % _WIDTH:
        at = known.find(entry, at + 1)
    return at >= 0
