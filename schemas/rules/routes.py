"""Where numbers go: the table of routes, longest prefix first, with the carrier and the price of each.

In: rows (prefix with "+", carriers in order of preference, price per segment) and the carriers that exist. Out: the `Way` of
a number, or None. Which carrier a route names first decides, its health does not, so that a repeat takes the same way. The
table never changes; it remembers what it found by the beginning of numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol

from schemas.rules.prefixes import depth, longest_prefix

_BLOCK = 10_000
_REMEMBERED = 200_000


class Route(Protocol):
    """One row of the routes: numbers that begin with `prefix` ("" = all); carriers in order of preference."""

    @property
    def prefix(self) -> str: ...
    @property
    def carriers(self) -> tuple[str, ...]: ...
    @property
    def price(self) -> int: ...


class Way(NamedTuple):
    """Where a number goes and what a segment costs."""

    carrier: str
    price: int


class RouteTable:
    """Longest-prefix look-up over whole numbers; rows that name no known carrier are left out."""

    def __init__(self, routes: Iterable[Route], carriers: Collection[str]) -> None:
        self._carriers = frozenset(carriers)
        self._ways: dict[str, Way] = {}
        for route in routes:
            usable = [carrier for carrier in route.carriers if carrier in self._carriers]
            if usable:
                self._ways[route.prefix.removeprefix("+")] = Way(usable[0], route.price)
        self._depth = depth(self._ways)
        self._seen: dict[int, Way | None] = {}

    def knows(self, carrier: str) -> bool:
        """Whether this carrier exists."""
        return carrier in self._carriers

    def lowest_price(self, carrier: str) -> int:
        """Of the routes that lead to this carrier; the smallest amount when none does any more."""
        return min((way.price for way in self._ways.values() if way.carrier == carrier), default=1)

    def find(self, number: int) -> Way | None:
        """The way of this number, or None."""
        block = number // _BLOCK
        try:
            return self._seen[block]
        except KeyError:
            return self._look_up(number, block)

    def find_all(self, numbers: Iterable[int]) -> list[Way | None]:
        """The way of each number."""
        if self._depth == 0:
            only = self._ways.get("")
            return [only for _ in numbers]
        return [self.find(number) for number in numbers]

    def _look_up(self, number: int, block: int) -> Way | None:
        digits = str(number)
        way = longest_prefix(self._ways, digits[: self._depth])
        # A block is all digits but the last four: it tells the way only if no prefix is longer than that.
        if len(digits) - 4 >= self._depth:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[block] = way
        return way
