"""Third step of intake: which carrier takes each position, at what price?

In: a part and its opened columns, and the table of routes. Out: one `Next` per carrier and price; positions that no route
serves are rejected. The longest prefix wins; which carrier a route names first decides, its health does not, so that a
repeat takes the same way. A part that was routed and priced before (it comes back under the same reservation) keeps its
way while that carrier is known. Pure; the table remembers what it found by the beginning of numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schemas.records.slice import Columns
from schemas.rules.prefixes import depth, longest_prefix
from schemas.values.positions import places, positions_of
from schemas.values.reasons import Reason
from streams.outcome import Next, Outcomes, Reject
from streams.selection import Selection

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
        way = longest_prefix(self._ways, digits[:self._depth])
        # A block is all digits but the last four: it tells the way only if no prefix is longer than that.
        if len(digits) - 4 >= self._depth:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[block] = way
        return way


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFacts:
    """Columns of the part's slice, opened, and the routes of now."""

    columns: Columns
    routes: RouteTable


def decide(part: Selection, facts: RouteFacts) -> Outcomes:
    """A carrier and a price for every position, or no way."""
    if part.carrier is not None and part.price > 0 and facts.routes.knows(part.carrier):
        return (Next(positions=part.positions),)
    ways = facts.routes.find_all(_numbers(part, facts.columns))
    first = ways[0]
    if ways.count(first) == len(ways):
        return (_outcome(part.positions, first),)
    groups: dict[Way | None, list[int]] = {}
    for place, way in zip(places(part.positions), ways, strict=True):
        groups.setdefault(way, []).append(place)
    ordered = sorted(groups.items(), key=lambda group: (group[0] is None, group[0] or ()))
    return tuple(_outcome(positions_of(members), way) for way, members in ordered)


def _numbers(part: Selection, columns: Columns) -> Iterable[int]:
    numbers = array("Q", columns.to)
    if part.positions == part.slice.positions:
        return numbers
    return [n for p, n in zip(places(part.slice.positions), numbers, strict=True) if part.positions >> p & 1]


def _outcome(positions: int, way: Way | None) -> Next | Reject:
    if way is None:
        return Reject(positions=positions, reason=Reason.NO_ROUTE)
    return Next(positions=positions, carrier=way.carrier, price=way.price)
