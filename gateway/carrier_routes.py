"""Routes as the gateway needs them: where a number goes and what a segment costs there, by the longest prefix.

Enters: rows (prefix with "+", carriers in order of preference, price per segment). Leaves: for the digits of a number a
`Way`, shared by all numbers with the same beginning, or None when nobody carries messages there; for a block of
destinations as they were written all numbers and ways at once, if nothing about them is unusual. The grouping of
recipients into chunks stands here too, because it goes by the same first digits; unlike routes it never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.plain_destinations import look_up
from schemas.rules.prefixes import depth, longest_prefix
from schemas.values.phone.number import PLAIN, is_plain

GROUPING = 1
"""The version of `bucket_of`, stored with every campaign."""
BUCKETS = 64
LONGEST = 20
"""Characters of a destination that may be plain: a plus and the digits of any number there is."""
_WHOLE_ZONES = "17"
"""North America and Russia with Kazakhstan: the first digit is the whole calling code."""
_REMEMBERED = 100_000


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
        self._digits = max(2, depth(self._rows))
        """How many first digits decide."""
        self.cheapest = min((price for _, price in self._rows.values()), default=0)
        self._ways: dict[str, Way | None] = {}
        self._width = max(PLAIN, 1 + self._digits)
        self._plain = tuple(_PlainWays(self, length) for length in range(LONGEST + 1))

    def way_of(self, number: int) -> Way | None:
        """The way of this number."""
        beginning = str(number)[: self._digits]
        return self._ways[beginning] if beginning in self._ways else self._find(beginning)

    def plain_ways(self, texts: Sequence[str]) -> tuple[list[int], list[Way]] | None:
        """The numbers and the ways of these destinations when each is a plus and digits, surely valid, and has a way;
        None = look at each."""
        try:
            return look_up(texts, self._plain, self._width)
        except KeyError:
            return None

    def _find(self, beginning: str) -> Way | None:
        row = longest_prefix(self._rows, beginning)
        way = None if row is None else Way(carrier=row[0], price=row[1], bucket=bucket_of(beginning))
        if len(self._ways) < _REMEMBERED:
            self._ways[beginning] = way
        return way


class _PlainWays(dict[str, Way]):
    """By the first characters of destinations of one length; KeyError for those that must be looked at one by one."""

    def __init__(self, routes: Routes, length: int) -> None:
        super().__init__()
        self._routes = routes
        self._length = length

    def __missing__(self, beginning: str) -> Way:
        way = self._routes.way_of(int(beginning)) if is_plain(beginning, self._length) else None
        if way is None:
            raise KeyError(beginning)
        if len(self) < _REMEMBERED:
            self[beginning] = way
        return way


def bucket_of(digits: str) -> int:
    """The group, 0..63, of numbers that begin so: by calling zone. Part of the stored format: never change a version.

    >>> bucket_of("4915112345678"), bucket_of("12025550123")
    (51, 0)
    """
    if digits[0] in _WHOLE_ZONES:
        return _WHOLE_ZONES.index(digits[0])
    return 2 + int(digits[:2]) % (BUCKETS - 2)
