"""`sluice balance show|credit`.

In: a tenant, an amount. Out: balance, reserved, available as decimal text.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.cli.amounts import amount
from infra.cli.options import Config, Data, Output, Yes, admin_store, confirm
from infra.cli.output import Format, chosen, show_one
from infra.runtime.console import tell

app = typer.Typer(no_args_is_help=True, help="Money of a tenant.")
RESERVED = (
    "reserved: the price of messages on their way; charged when a carrier takes them, given back when they fail, are "
    "rejected, expire or are canceled"
)
Tenant = Annotated[str, typer.Option(help="Name or id of the tenant.")]


@app.command()
def show(tenant: Tenant = "default", data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show a tenant's balance."""
    with admin_store(data, config) as store:
        money = _money(store.tenant(tenant))
    show_one(money, output)
    if chosen(output) is Format.TABLE:
        tell(RESERVED)


@app.command()
def credit(
    value: Annotated[str, typer.Argument(metavar="AMOUNT", help="e.g. 100.0000; negative takes away.")],
    tenant: Tenant = "default",
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Add to a tenant's balance; what waits for money goes on."""
    units = amount(value, signed=True)
    if units < 0:
        confirm(f"Take {value} away from {tenant}?", yes)
    with admin_store(data, config) as store:
        show_one(_money(store.credit(tenant, units)), output)


def _money(row: dict[str, Any]) -> dict[str, Any]:
    return {"tenant": row["name"], "balance": row["balance"], "reserved": row["reserved"], "available": row["available"]}
