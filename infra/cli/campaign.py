"""`sluice campaign create|list|show|watch|start|pause|resume|retry|reschedule|cancel|messages`.

In: what the API takes. Out: the gateway's answers. `create` stands in a file of its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.cli.campaign_create import create
from infra.cli.campaign_options import StartAt, schedule_of
from infra.cli.options import ApiKey, Config, Data, Gateway, HoursOption, Output, Yes, confirm, open_api
from infra.cli.output import Format, chosen, say_table, show_one, show_rows
from infra.runtime.refusal import Refusal

app = typer.Typer(no_args_is_help=True, help="Campaigns.")
Campaign = Annotated[str, typer.Argument(metavar="ID", help="cmp_...")]
COLUMNS = ("id", "name", "status", "accepted", "delivered", "price", "created_at")


class Scope(StrEnum):
    """Which messages go again."""

    FAILED = "failed"
    EXPIRED = "expired"
    UNSENT = "unsent"
    UNCERTAIN = "uncertain"


app.command()(create)


@app.command("list")
def list_(
    gateway: Gateway = None, api_key: ApiKey = None, data: Data = None, config: Config = None, output: Output = None
) -> None:
    """Show the newest campaigns."""
    found = open_api(data, config, gateway, api_key).get("/v1/campaigns")
    rows = found.get("campaigns", [])
    show_rows(
        [row | {"accepted": row["counts"]["accepted"], "delivered": row["counts"]["delivered"]} for row in rows],
        output,
        COLUMNS,
    )


@app.command()
def show(
    campaign: Campaign,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show one campaign."""
    from infra.client.api import segment

    show_one(open_api(data, config, gateway, api_key).get(f"/v1/campaigns/{segment(campaign)}"), output)


@app.command()
def watch(
    campaign: Campaign,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Watch a campaign until it is completed or canceled."""
    from infra.client.campaign_watch import progress_table, watch_campaign

    state = watch_campaign(open_api(data, config, gateway, api_key), campaign)
    if chosen(output) is Format.TABLE:
        say_table(progress_table(state))
    else:
        show_one(state, output)


@app.command()
def start(
    campaign: Campaign,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Start a draft."""
    show_one(_command(open_api(data, config, gateway, api_key), campaign, "start"), output)


@app.command()
def pause(
    campaign: Campaign,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Keep what has not been handed to a carrier, until it is resumed."""
    show_one(_command(open_api(data, config, gateway, api_key), campaign, "pause"), output)


@app.command()
def resume(
    campaign: Campaign,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Go on with a paused campaign."""
    show_one(_command(open_api(data, config, gateway, api_key), campaign, "resume"), output)


@app.command()
def retry(
    campaign: Campaign,
    scope: Annotated[Scope, typer.Option(help="Failed at a carrier, expired, unsent: none was called; uncertain.")],
    yes: Yes = False,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Send again what failed, expired or was not sent; it is paid for anew."""
    from infra.client.api import segment

    if scope is Scope.UNCERTAIN:
        confirm("The carrier may have these messages already. Send them again?", yes)
    api = open_api(data, config, gateway, api_key)
    show_one(api.post(f"/v1/campaigns/{segment(campaign)}/retry", {"scope": scope.value}), output)


@app.command()
def reschedule(
    campaign: Campaign,
    start_at: StartAt = None,
    window: HoursOption = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="Begin now.")] = False,
    any_hour: Annotated[bool, typer.Option("--any-hour", help="Send at any hour.")] = False,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Begin at another time, before it has begun, or send at other hours."""
    from infra.client.api import segment

    if (at_once and start_at) or (any_hour and window):
        raise Refusal("one excludes the other", "give --start-at or --at-once, --window or --any-hour")
    change = schedule_of(start_at, window) | ({"start_at": None} if at_once else {}) | ({"window": None} if any_hour else {})
    if not change:
        raise Refusal("nothing is to change", "give --start-at, --window, --at-once or --any-hour")
    show_one(open_api(data, config, gateway, api_key).patch(f"/v1/campaigns/{segment(campaign)}", change), output)


@app.command()
def cancel(
    campaign: Campaign,
    yes: Yes = False,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Cancel: what has not been handed to a carrier is not sent."""
    confirm(f"Cancel {campaign}? It cannot be taken up again.", yes)
    show_one(_command(open_api(data, config, gateway, api_key), campaign, "cancel"), output)


@app.command()
def messages(
    campaign: Campaign,
    status: Annotated[str | None, typer.Option(help="Only these, e.g. failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show a campaign's messages."""
    from infra.client.api import segment

    api = open_api(data, config, gateway, api_key)
    rows: list[dict[str, Any]] = []
    cursor = None
    while len(rows) < limit:
        page = api.get(
            f"/v1/campaigns/{segment(campaign)}/messages", status=status, cursor=cursor, limit=min(100, limit - len(rows))
        )
        rows += page["messages"]
        cursor = page.get("next")
        if cursor is None:
            break
    show_rows(rows, output, ("id", "to", "status", "reason", "carrier", "segments", "price", "updated_at"))


def _command(api: Any, campaign: str, word: str) -> dict[str, Any]:
    from infra.client.api import segment

    answer: dict[str, Any] = api.post(f"/v1/campaigns/{segment(campaign)}/{word}")
    return answer or {"id": campaign, "done": word}
