"""`sluice message show|trace|cancel ID`.

In: a message's id. Out: its state, carrier, reason, price; its way, as a timeline; what came of canceling it.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.cli.options import ApiKey, Config, Data, Gateway, Output, open_api
from infra.cli.output import Format, chosen, show_one, show_rows
from infra.runtime.console import tell

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


@app.command()
def trace(
    message: Message,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show every hop of a message, what it waited for and how long."""
    from infra.client.api import segment

    traced = open_api(data, config, gateway, api_key).get(f"/v1/messages/{segment(message)}/trace")
    if chosen(output) is not Format.TABLE:
        show_one(traced, output)
        return
    show_rows([_readable(hop) for hop in traced["hops"]], output)
    for note in traced["notes"]:
        tell(f"note: {note}")


def _readable(hop: dict[str, Any]) -> dict[str, Any]:
    """A hop as a line of a timeline."""
    waited, why = hop["waited_seconds"], hop["explanation"] or hop["reason"]
    return {
        "at": hop["at"].replace("T", " "),
        "after": "" if waited is None else f"{waited:.1f} s for {hop['waited_for']}",
        "attempt": hop["attempt"],
        "hop": hop["hop"],
        "carrier": hop["carrier"],
        "code": hop["code"],
        "why": f"{why} (until {hop['until']})" if hop["until"] else why,
    }
