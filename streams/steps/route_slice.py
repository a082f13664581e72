"""Step of intake: which carrier takes each position, at what price?

In: a part, its opened columns, and the table of routes. Out: one `Next` per carrier and price; positions that no route
serves are rejected. Positions of one part with another price get a class of their own, since a reservation knows one price.
A part that was routed and priced before (it comes back under the same reservation) keeps its price and its carrier while
that one is known; where its route names others beside it, they may take it too. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.records.slice import Columns
from schemas.rules.routes import RouteTable, Way
from schemas.values.positions import places, positions_of
from schemas.values.reasons import Reason
from streams.outcome import Next, Outcomes, Reject
from streams.ports import IntakeBatch
from streams.selection import Selection, numbers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFacts:
    """Columns of the part's slice, opened, and the routes of now."""

    columns: Columns
    routes: RouteTable


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[RouteFacts]:
    """The columns of each part; the routes are the same for all."""
    return [RouteFacts(columns=batch.open(part.slice), routes=batch.routes) for part in parts]


def decide(part: Selection, facts: RouteFacts) -> Outcomes:
    """A carrier and a price for every position, or no way."""
    if part.carrier is not None and part.price > 0 and facts.routes.knows(part.carrier):
        return _routed_before(part, part.carrier, facts)
    ways = facts.routes.find_all(numbers_of(part, facts.columns))
    first = ways[0]
    if ways.count(first) == len(ways):
        return (_outcome(part, part.positions, first, None),)
    groups: dict[Way | None, list[int]] = {}
    for place, way in zip(places(part.positions), ways, strict=True):
        groups.setdefault(way, []).append(place)
    prices = sorted({way.price for way in groups if way is not None})
    ordered = sorted(groups.items(), key=lambda group: (group[0] is None, group[0] or ()))
    return tuple(_outcome(part, positions_of(members), way, _price_class(part, way, prices)) for way, members in ordered)


def _routed_before(part: Selection, carrier: str, facts: RouteFacts) -> Outcomes:
    """Its carrier, and the others of its route: of each position, as numbers of one part may have had different routes."""
    if not facts.routes.has_choices:
        return (Next(positions=part.positions),)
    only = Way((carrier,), part.price)
    groups: dict[Way, list[int]] = {}
    ways = facts.routes.find_all(numbers_of(part, facts.columns))
    for place, way in zip(places(part.positions), ways, strict=True):
        groups.setdefault(way if way is not None and carrier in way.carriers else only, []).append(place)
    return tuple(
        Next(positions=positions_of(members), carriers=way.carriers_for(part.slice.chunk))
        for way, members in sorted(groups.items())
    )


def _price_class(part: Selection, way: Way | None, prices: list[int]) -> int | None:
    return None if way is None or len(prices) < 2 else part.price_class + prices.index(way.price)


def _outcome(part: Selection, positions: int, way: Way | None, price_class: int | None) -> Next | Reject:
    if way is None:
        return Reject(positions=positions, reason=Reason.NO_ROUTE)
    carriers = way.carriers_for(part.slice.chunk)
    return Next(positions=positions, carrier=carriers[0], carriers=carriers, price=way.price, price_class=price_class)
