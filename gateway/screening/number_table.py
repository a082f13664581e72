"""Which of many numbers were there before, exactly, in about six bytes a number and a constant.

In: a secret odd factor, drawn per upload so that nobody can aim at one place; numbers below 2^64, some hundred at a time.
Out: the ranks of those that were there already, or stand further up among them. A number times the factor modulo 2^64 loses
nothing: the upper 16 bits name a place, the lower 48 are kept there as six bytes, so equal bytes at the same place are the
same number. `number_table.pyx` is the same in C; a test holds the two equal.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from struct import Struct

_PLACES = 1 << 16
_LANE = 16
_ENTRY = Struct("<6sH8x")
"""The product of one number in its lane of 16 bytes; what is above 2^64 is left out."""
_WIDTH = 6


class NumberTable:
    """The numbers so far."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._places = [b""] * _PLACES

    def add(self, numbers: Collection[int]) -> list[int]:
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
