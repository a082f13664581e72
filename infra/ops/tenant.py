"""`sluice tenant create|list|set`.

In: names and limits. Out: tenants with their balances; `create` also the first API key, shown this once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from infra.ops.amounts import amount
from infra.ops.options import Config, Data, Output, catalog
from infra.ops.output import show_one, show_rows

app = typer.Typer(no_args_is_help=True, help="Tenants.")


class Short(StrEnum):
    """What happens to messages that the balance does not cover."""

    HOLD = "hold"
    REJECT = "reject"


@app.command()
def create(
    name: str,
    balance: Annotated[str, typer.Option(help="First balance, e.g. 100.0000.")] = "0",
    data: Data = None, config: Config = None, output: Output = None,
) -> None:
    """Make a tenant with one API key."""
    first = amount(balance)
    with catalog(data, config) as book:
        tenant, key = book.create_tenant(name, first)
    show_one({"id": tenant, "api_key": key}, output)


@app.command("list")
def list_(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show all tenants."""
    with catalog(data, config) as book:
        show_rows(book.tenants(), output)


@app.command("set")
def set_(
    tenant: Annotated[str, typer.Argument(help="Name or id.")],
    lanes: Annotated[str | None, typer.Option(help="e.g. otp,transactional")] = None,
    senders: Annotated[str | None, typer.Option(help="Allowed senders, e.g. Shop,+4915112345678; '*' = any.")] = None,
    balance_short: Annotated[Short | None, typer.Option(help="When the balance is used up.")] = None,
    charge_uncertain: Annotated[bool | None, typer.Option(help="Whether messages that stay uncertain are paid.")] = None,
    data: Data = None, config: Config = None, output: Output = None,
) -> None:
    """Change what a tenant may do; in force within a second or two."""
    from infra.ops.refusal import Refusal
    from schemas.lanes import Lane

    wanted = _parts(lanes)
    if wanted and not set(wanted) <= set(Lane):
        raise Refusal(f"unknown lane in {lanes!r}", f"lanes are {', '.join(Lane)}")
    with catalog(data, config) as book:
        show_one(book.set_tenant(tenant, lanes=wanted, senders=None if senders == "*" else _parts(senders),
                                 any_sender=senders == "*", balance_short=balance_short and balance_short.value,
                                 charge_uncertain=charge_uncertain), output)


def _parts(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
