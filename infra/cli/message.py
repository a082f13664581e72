"""`sluice message show|cancel ID`.

In: a message's id. Out: its state, carrier, reason, price; what came of canceling it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.options import ApiKey, Config, Data, Gateway, Output, open_api
from infra.cli.output import show_one

app = typer.Typer(no_args_is_help=True, help="Messages.")
Message = Annotated[str, typer.Argument(metavar="ID", help="msg_...")]


@app.callback()
def group() -> None:
    """Messages."""


@app.command()
def show(
    message: Message,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show one message."""
    from infra.client.api import segment

    show_one(open_api(data, config, gateway, api_key).get(f"/v1/messages/{segment(message)}"), output)


@app.command()
def cancel(
    message: Message,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Cancel a message that no carrier has been given yet."""
    from infra.client.api import segment

    show_one(open_api(data, config, gateway, api_key).post(f"/v1/messages/{segment(message)}/cancel"), output)
