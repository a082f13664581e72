"""Routes as operators make and change them.

In: an open connection of the operator, plain values. Out: rows as dicts with amounts as decimal text. Seeding adds what is
missing and changes nothing that is there. Wrong: an unknown carrier or a number without a route raises `AdminStoreError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg

from infra.postgres.admin_error import AdminStoreError
from infra.postgres.sql import load_sql
from infra.settings.model import RouteSettings
from schemas.rules.prefixes import longest_prefix
from schemas.rules.route_strategies import Strategy
from schemas.values.money import format_amount, parse_amount

Row = dict[str, Any]


class RouteStore:
    """The routes of an installation."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def all(self) -> list[Row]:
        """All routes, longest prefix first."""
        rows = self._connection.execute(load_sql(__package__, "routes")).fetchall()
        return [
            row | {"price": format_amount(row["price"]), "costs": [format_amount(cost) for cost in row["costs"]]}
            for row in rows
        ]

    def seed(self, route: RouteSettings) -> bool:
        """Whether it was missing and is there now."""
        columns = _columns(
            route.prefix,
            route.carriers,
            ten_thousandths(route.price),
            route.strategy,
            [ten_thousandths(cost) for cost in route.costs],
            route.weights,
        )
        return self._write("route_add", columns) == 1

    def set(
        self,
        prefix: str,
        carriers: Sequence[str],
        price: int,
        strategy: str = Strategy.ORDER,
        costs: Sequence[int] = (),
        weights: Sequence[int] = (),
    ) -> Row:
        """Make the route, or change it; `costs` and `weights` as `check_strategy` wants them."""
        self._write("route_set", _columns(prefix, carriers, price, strategy, costs, weights))
        return next(row for row in self.all() if row["prefix"] == prefix)

    def find(self, destination: str) -> Row:
        """The route that serves this number (E.164 with '+')."""
        rows = {row["prefix"].removeprefix("+"): row for row in self.all()}
        row = longest_prefix(rows, destination.removeprefix("+"))
        if row is not None:
            return row
        raise AdminStoreError(f"no route serves {destination}: `sluice route set PREFIX --carrier ID --price P`")

    def _write(self, name: str, columns: Row) -> int:
        unknown = self._connection.execute(load_sql(__package__, "unknown_carriers"), columns).fetchall()
        if unknown:
            names = ", ".join(repr(row["id"]) for row in unknown)
            raise AdminStoreError(f"there is no carrier {names}: see `sluice carrier list`")
        return self._connection.execute(load_sql(__package__, name), columns).rowcount


def ten_thousandths(amount: Decimal) -> int:
    """Of the settings' amounts."""
    return parse_amount(format(amount, "f"))


def _columns(
    prefix: str, carriers: Sequence[str], price: int, strategy: str, costs: Sequence[int], weights: Sequence[int]
) -> Row:
    """A route's row. That of the strategy `cheapest` has its carriers in the order of their costs; the one named first
    comes first where these are the same."""
    if costs:
        pairs = sorted(zip(costs, carriers, strict=True), key=lambda pair: pair[0])
        costs, carriers = [cost for cost, _ in pairs], [carrier for _, carrier in pairs]
    return {
        "prefix": prefix,
        "carriers": list(carriers),
        "price": price,
        "strategy": str(strategy),
        "costs": list(costs),
        "weights": list(weights),
    }
