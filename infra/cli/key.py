"""`sluice key create|list|revoke`.

In: a tenant, a key's id. Out: keys without their secrets; `create` shows the new one's text this once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.options import Config, Data, Output, Yes, admin_store, confirm
from infra.cli.output import show_one, show_rows
from infra.runtime.console import tell

app = typer.Typer(no_args_is_help=True, help="API keys.")
Tenant = Annotated[str, typer.Option(help="Name or id of the tenant.")]


@app.command()
def create(
    tenant: Tenant = "default",
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Make an API key; its text is shown this once."""
    with admin_store(data, config) as store:
        show_one(store.create_key(tenant, name), output)


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show the keys."""
    with admin_store(data, config) as store:
        show_rows(store.keys(tenant), output)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id: the part between the underscores.")],
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Put a key out of force, for good."""
    from infra.security.api_keys import key_id

    confirm(f"Revoke {key}? Whoever uses it is refused from then on.", yes)
    with admin_store(data, config) as store:
        store.revoke_key(key_id(key) or key)
    tell("revoked")
