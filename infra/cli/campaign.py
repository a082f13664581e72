"""`sluice campaign create|list|show|watch|start|pause|resume|retry|reschedule|cancel|messages`.

In: what the API takes; recipients from a file or stdin, streamed. Out: the gateway's answers.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.options import ApiKey, Config, Data, Gateway, HoursOption, Output, Yes, confirm, open_api
from infra.cli.output import Format, chosen, say_table, show_one, show_rows
from infra.cli.send import LaneName, ProfileOption
from infra.runtime.console import tell
from infra.runtime.refusal import Refusal

app = typer.Typer(no_args_is_help=True, help="Campaigns.")
Campaign = Annotated[str, typer.Argument(metavar="ID", help="cmp_...")]
StartAt = Annotated[str | None, typer.Option(help="Not before, e.g. 2027-03-01T09:00:00+01:00.")]
COLUMNS = ("id", "name", "status", "accepted", "delivered", "price", "created_at")


class Scope(StrEnum):
    """Which messages go again."""

    FAILED = "failed"
    EXPIRED = "expired"
    UNSENT = "unsent"
    UNCERTAIN = "uncertain"


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Its name.")],
    sender: Annotated[str, typer.Option("--from", help="Sender.")],
    body: Annotated[str, typer.Option(help="Text with {{variables}}.")],
    recipients: Annotated[Path, typer.Argument(metavar="RECIPIENTS", help="CSV or NDJSON file; - is stdin.")],
    lane: Annotated[LaneName | None, typer.Option(help="Default: the profile's, or the API's.")] = None,
    profile: ProfileOption = None,
    validity_seconds: Annotated[int | None, typer.Option(min=1, help="Not sent after so long; default: a day.")] = None,
    max_price: Annotated[str | None, typer.Option(help="Refuse what would cost more.")] = None,
    smart_encoding: Annotated[bool, typer.Option("--smart-encoding", help="Replace look-alikes.")] = False,
    start_at: StartAt = None,
    window: HoursOption = None,
    draft: Annotated[bool, typer.Option("--draft", help="Do not start it.")] = False,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Make a campaign, upload its recipients and start it."""
    from infra.cli.recipients import content_of, opened, size_of, with_progress

    api = open_api(data, config, gateway, api_key)
    given = {
        "name": name,
        "from": sender,
        "body": body,
        "lane": lane and lane.value,
        "profile": profile,
        "max_price": max_price,
        "validity_seconds": validity_seconds,
        "smart_encoding": smart_encoding or None,
        "schedule": _schedule(start_at, window) or None,
    }
    with opened(recipients) as stream:
        made = api.post(
            "/v1/campaigns",
            {key: value for key, value in given.items() if value is not None} | {"open": True, "recipients": []},
        )
        try:
            content, blocks = content_of(stream, recipients.name)
            uploaded = api.upload(
                f"/v1/campaigns/{made['id']}/recipients", with_progress(blocks, size_of(recipients)), 1, content
            )
        except BaseException:
            _take_back(api, made["id"])
            raise
    started = {} if draft else api.post(f"/v1/campaigns/{made['id']}/start")
    show_one(
        {
            "id": made["id"],
            "status": started.get("status", "draft"),
            "accepted": uploaded["accepted"],
            "rejected_count": uploaded["rejected_count"],
            "rejected": uploaded["rejected"],
        },
        output,
    )


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
    change = _schedule(start_at, window) | ({"start_at": None} if at_once else {}) | ({"window": None} if any_hour else {})
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


def _schedule(start_at: str | None, window: str | None) -> dict[str, Any]:
    from infra.cli.hours import as_json, read_hours

    given = {"start_at": start_at, "window": None if window is None else as_json(read_hours(window))}
    return {name: value for name, value in given.items() if value is not None}


def _take_back(api: Any, campaign: str) -> None:
    """Nobody wants the draft whose recipients did not arrive."""
    from infra.client.api import ApiError

    try:
        api.post(f"/v1/campaigns/{campaign}/cancel")
    except ApiError:
        tell(f"the draft {campaign} is left: `sluice campaign cancel {campaign}`")
    else:
        tell(f"the draft {campaign} was canceled")


def _command(api: Any, campaign: str, word: str) -> dict[str, Any]:
    from infra.client.api import segment

    answer: dict[str, Any] = api.post(f"/v1/campaigns/{segment(campaign)}/{word}")
    return answer or {"id": campaign, "done": word}
