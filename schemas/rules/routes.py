"""Where numbers go: the table of routes, longest prefix first, with the carrier and the price of each.

In: rows (prefix with "+", carriers in order of preference, price per segment) and the carriers that exist. Out: the `Way` of
a number, or None. The table knows nothing of the carriers' health, so that a repeat finds the same way; who takes a send is
decided once (`choose_carriers`), and written down by whoever is first. The table never changes; it remembers what it found
by the beginning of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from itertools import zip_longest
from typing import NamedTuple, Protocol

from schemas.rules.carrier_health import PROBES
from schemas.rules.prefixes import depth, longest_prefix
from schemas.values.positions import places, positions_of

_BLOCK = 10_000
_REMEMBERED = 200_000


class Route(Protocol):
    """One row of the routes: numbers that begin with `prefix` ("" = all); carriers in order of preference. `weights`: one a
    carrier, or none where that order counts."""

    @property
    def prefix(self) -> str: ...
    @property
    def carriers(self) -> tuple[str, ...]: ...
    @property
    def price(self) -> int: ...
    @property
    def weights(self) -> tuple[int, ...]: ...


class Way(NamedTuple):
    """Who takes a number, in order of preference, and what a segment costs: the same with each of them. `weights` as the
    route has them."""

    carriers: tuple[str, ...]
    price: int
    weights: tuple[int, ...] = ()

    def carriers_for(self, chunk: str) -> tuple[str, ...]:
        """In the order in which this chunk prefers them, the same at each repeat. By weight: over many chunks each carrier
        comes first in its share of them, and those behind it share what it cannot take likewise."""
        if not self.weights:
            return self.carriers
        late = {name: _lateness(chunk, name, weight) for name, weight in zip(self.carriers, self.weights, strict=True)}
        return tuple(sorted(self.carriers, key=late.__getitem__))


def _lateness(chunk: str, carrier: str, weight: int) -> float:
    """Exponentially distributed with rate `weight`: of several such, the smallest is each one's in proportion to its weight
    (Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006)."""
    if weight == 0:
        return math.inf
    digest = blake2b(f"{chunk} {carrier}".encode(), digest_size=8).digest()
    return -math.log((int.from_bytes(digest) + 1) / 2**64) / weight


def choose_carriers(
    carriers: Sequence[str],
    positions: int,
    nothing: Collection[str],
    probing: Collection[str],
    full: Collection[str] = (),
) -> dict[str, int]:
    """Which carrier takes which positions: the first one that takes anything and is not full; if all of these are full, the
    first of them; if none takes anything, the first. `nothing`: those at which nothing is started; `probing`: those that
    may be back: they get a few, the next one has the rest; `full`: those for which work waits."""
    taking = [carrier for carrier in carriers if carrier not in nothing] or list(carriers[:1])
    able = [carrier for carrier in taking if carrier not in full] or taking
    first, sure = able[0], next((carrier for carrier in able if carrier not in probing), able[0])
    if first == sure:
        return {first: positions}
    few = positions_of(places(positions)[:PROBES])
    return {first: few, sure: positions & ~few} if few != positions else {first: positions}


class RouteTable:
    """Longest-prefix look-up over whole numbers; rows that name no known carrier are left out."""

    def __init__(self, routes: Iterable[Route], carriers: Collection[str]) -> None:
        self._carriers = frozenset(carriers)
        self._ways: dict[str, Way] = {}
        for route in routes:
            usable = {
                carrier: weight
                for carrier, weight in zip_longest(route.carriers, route.weights, fillvalue=0)
                if carrier in self._carriers
            }
            if usable:
                weights = tuple(usable.values()) if route.weights else ()
                self._ways[route.prefix.removeprefix("+")] = Way(tuple(usable), route.price, weights)
        self._depth = depth(self._ways)
        self._seen: dict[int, Way | None] = {}
        self.has_choices = any(len(way.carriers) > 1 for way in self._ways.values())

    def knows(self, carrier: str) -> bool:
        """Whether this carrier exists."""
        return carrier in self._carriers

    def others_beside(self, carrier: str) -> frozenset[str]:
        """The carriers that stand beside this one on any route."""
        found = {other for way in set(self._ways.values()) if carrier in way.carriers for other in way.carriers}
        return frozenset(found - {carrier})

    def lowest_price(self, carrier: str) -> int:
        """Of the routes that lead to this carrier; the smallest amount when none does any more."""
        return min((way.price for way in self._ways.values() if carrier in way.carriers), default=1)

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
