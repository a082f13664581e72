"""Routes as the gateway needs them: where a number goes and what a segment costs there, by the longest prefix.

Enters: rows (prefix with "+", carriers in order of preference, price per segment). Leaves: for the digits of a number a
`Way`, shared by all numbers with the same beginning, or None when nobody carries messages there. The grouping of
recipients into chunks stands here too, because it goes by the same first digits; unlike routes it never changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GROUPING = 1
"""The version of `bucket_of`, stored with every campaign."""
BUCKETS = 64
_WHOLE_ZONES = "17"
"""North America and Russia with Kazakhstan: the first digit is the whole calling code."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """Where numbers of one beginning go. `price`: ten-thousandths per segment; `bucket`: their group when chunks are cut.
    Compared by identity, which makes it a quick key."""

    carrier: str
    price: int
    bucket: int


class Routes:
    """An immutable table of routes; a change makes a new one."""

    def __init__(self, rows: Iterable[tuple[str, list[str], int]]) -> None:
        self._rows = {prefix.removeprefix("+"): (carriers[0], price) for prefix, carriers, price in rows if carriers}
        self.digits = max(2, max((len(prefix) for prefix in self._rows), default=0))
        """How many first digits decide."""
        self.cheapest = min((price for _, price in self._rows.values()), default=0)
        self.ways: dict[str, Way | None] = {}
        """By first digits; whoever misses one here calls `find`."""

    def find(self, beginning: str) -> Way | None:
        """The way of numbers with these first `digits` digits."""
        for length in range(len(beginning), -1, -1):
            row = self._rows.get(beginning[:length])
            if row is not None:
                way: Way | None = Way(carrier=row[0], price=row[1], bucket=bucket_of(beginning))
                break
        else:
            way = None
        if len(self.ways) < 100_000:
            self.ways[beginning] = way
        return way


def bucket_of(digits: str) -> int:
    """The group, 0..63, of numbers that begin so: by calling zone. Part of the stored format: never change a version.

    >>> bucket_of("4915112345678"), bucket_of("12025550123")
    (51, 0)
    """
    if digits[0] in _WHOLE_ZONES:
        return _WHOLE_ZONES.index(digits[0])
    return 2 + int(digits[:2]) % (BUCKETS - 2)
