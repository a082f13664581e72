"""`sluice route list|set|test`.

In: a prefix with its carrier and price, or a number. Out: routes, longest prefix first. Changes are in force within a
second or two; messages that have a carrier keep it.
"""

from __future__ import annotations

import re
from typing import Annotated

import typer

from infra.cli.amounts import amount
from infra.cli.options import Config, Data, Output, admin_store
from infra.cli.output import show_one, show_rows
from infra.settings.limits import MOST_CARRIERS_OF_A_ROUTE
from schemas.rules.route_strategies import MOST_WEIGHT, Strategy, check_strategy

app = typer.Typer(no_args_is_help=True, help="Routes.")


@app.command("list")
def list_(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show all routes."""
    with admin_store(data, config) as store:
        show_rows(store.routes.all(), output)


@app.command("set")
def set_(
    prefix: Annotated[str, typer.Argument(help='e.g. +49; "" is the default route.')],
    carrier: Annotated[str, typer.Option(help="The carrier's id; several, the preferred one first, with commas between.")],
    price: Annotated[str, typer.Option(help="Per segment, e.g. 0.0700.")],
    strategy: Annotated[Strategy, typer.Option(help="Which of several carriers comes first.")] = Strategy.ORDER,
    cost: Annotated[str, typer.Option(help="cheapest: what a segment costs you with each carrier, in their order.")] = "",
    weight: Annotated[str, typer.Option(help="weighted: each carrier's share, in their order, e.g. 3,1.")] = "",
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Make a route or change it."""
    from infra.runtime.refusal import Refusal

    if re.fullmatch(r"(\+[1-9][0-9]{0,14})?", prefix) is None:
        raise Refusal(f"the prefix {prefix!r} is none", 'write it like +49, or "" for the default route')
    carriers = _split(carrier)
    if not 1 <= len(carriers) <= MOST_CARRIERS_OF_A_ROUTE or len(set(carriers)) < len(carriers) or "" in carriers:
        raise Refusal(
            f"--carrier {carrier!r} is no list of carriers",
            f"name each once, {MOST_CARRIERS_OF_A_ROUTE} at most, the preferred one first",
        )
    costs, weights = [amount(text, option="--cost") for text in _split(cost)], [_weight(text) for text in _split(weight)]
    fault = check_strategy(strategy, carriers, costs, weights)
    if fault is not None:
        raise Refusal(f"{_given(strategy, cost, weight)} does not fit --carrier {carrier}", fault)
    units = amount(price, option="--price")
    with admin_store(data, config) as store:
        show_one(store.routes.set(prefix, carriers, units, strategy, costs, weights), output)


@app.command()
def test(
    number: Annotated[str, typer.Argument(help="e.g. +4915112345678.")],
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show the route that serves a number: its carriers, the preferred one first, and its price."""
    from infra.runtime.refusal import Refusal
    from schemas.values.phone.number import PhoneError, format_e164, normalise

    try:
        destination = format_e164(normalise(number))
    except PhoneError as fault:
        raise Refusal(f"{number!r} is no number that messages go to", str(fault)) from fault
    with admin_store(data, config) as store:
        show_one({"number": destination, **store.routes.find(destination)}, output)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _given(strategy: Strategy, cost: str, weight: str) -> str:
    """The options as they were given."""
    given = {"--strategy": str(strategy), "--cost": cost, "--weight": weight}
    return " ".join(f"{option} {text}" for option, text in given.items() if text)


def _weight(text: str) -> int:
    from infra.runtime.refusal import Refusal

    if not text.isascii() or not text.isdigit() or int(text) > MOST_WEIGHT:
        raise Refusal(f"--weight {text!r} is no weight", f"write whole numbers from 0 to {MOST_WEIGHT}, with commas between")
    return int(text)
