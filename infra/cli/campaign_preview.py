"""`sluice preview`, and what `sluice campaign create` shows before it asks: verdicts, segments, price, texts, warnings.

In: a campaign's fields, and a file of recipients or a few numbers. Out: on stdout the gateway's answer when asked for in a
form for programs, else tables for people on the given side. Nothing is sent. Wrong: more refused recipients than allowed.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.campaign_options import Body, Lane, MaxPrice, Recipients, Sender, SmartEncoding, campaign_fields
from infra.cli.options import ApiKey, Config, Data, Gateway, Output, open_api
from infra.cli.output import Format, chosen, say_table, show_one
from infra.cli.send import ProfileOption
from infra.runtime.refusal import Refusal

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from infra.client.api import Api

To = Annotated[list[str] | None, typer.Option("--to", help="A destination in the place of the file; may be repeated.")]
MOST_ROWS = 20
"""Refused recipients in a table; the gateway tells of a hundred, and keeps all of them with the campaign."""
Preview = dict[str, Any]


def preview(
    sender: Sender,
    body: Body,
    recipients: Recipients = None,
    to: To = None,
    name: Annotated[str, typer.Option(help="The campaign's name.")] = "preview",
    lane: Lane = None,
    profile: ProfileOption = None,
    max_price: MaxPrice = None,
    smart_encoding: SmartEncoding = False,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show what a campaign would come to: verdicts, segments, price, texts, warnings. Nothing is sent."""
    from infra.cli.recipients import opened, size_of

    if (recipients is None) == (not to):
        raise Refusal("nobody, or two things, to look at", "name a file of recipients, or numbers with --to")
    api = open_api(data, config, gateway, api_key)
    wanted = campaign_fields(
        name=name, sender=sender, body=body, lane=lane, profile=profile, max_price=max_price, smart_encoding=smart_encoding
    )
    if recipients is None:
        found = api.post("/v1/preview", wanted | {"recipients": [{"to": one} for one in to or ()]})
    else:
        with opened(recipients) as stream:
            found = preview_file(api, wanted, stream, recipients.name, size_of(recipients))
    if chosen(output) is not Format.TABLE:
        show_one(found, output)
        return
    for table in tables(found, _balance(api)):
        say_table(table)


def preview_file(api: Api, wanted: dict[str, Any], stream: IO[bytes], name: str, size: int | None) -> Preview:
    """What the gateway says of the recipients in this file."""
    from infra.cli.recipients import content_of, with_progress

    content, blocks = content_of(stream, name)
    return api.post_form("/v1/preview", {"campaign": wanted}, "recipients", with_progress(blocks, size, "checking"), content)


def tell_preview(api: Api, found: Preview) -> None:
    """The same as `preview` shows, on stderr: stdout is for what comes of it."""
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True)
    for table in tables(found, _balance(api)):
        console.print(table)


def check_rejected(count: int, most: int | None) -> None:
    """Not more than these were refused."""
    if most is not None and count > most:
        raise Refusal(
            f"{count:,} recipients are refused, and at most {most:,} may be (--max-rejected); nothing is sent",
            "mend the file, or allow more",
        )


def tables(found: Preview, available: str | None) -> list[RenderableType]:
    """For people. `available`: the account's money, None where it is not known."""
    return [_totals(found, available), *_refused(found), *_samples(found), *_warnings(found)]


def _balance(api: Api) -> str | None:
    """What a new message may cost; a preview is shown without it too."""
    from infra.client.api import ApiError

    try:
        return str(api.get("/v1/balance")["available"])
    except ApiError:
        return None


def _totals(found: Preview, available: str | None) -> Table:
    from decimal import Decimal

    currency = found["currency"]
    money = "" if available is None else f" of {available} {currency} available"
    if available is not None and Decimal(found["price"]) > Decimal(available):
        money += ": not enough, what cannot be paid waits for a credit"
    table = _table("", "", header=False)
    for name, value in (
        ("accepted", f"{found['recipients']:,}"),
        ("rejected", f"{found['rejected_count']:,}"),
        ("segments", f"{found['total_segments']:,} in all, the longest text {found['segments']} ({found['encoding']})"),
        ("price", f"{found['price']} {currency}{money}"),
        ("carriers", ", ".join(f"{share['carrier']} {share['recipients']:,}" for share in found["routes"]) or "none"),
    ):
        _add(table, name, value)
    return table


def _refused(found: Preview) -> list[RenderableType]:
    if not found["rejected"]:
        return []
    table = _table("row", "value", "code", "reason", title="rejected")
    for one in found["rejected"][:MOST_ROWS]:
        _add(table, one["row"], one["value"], one["code"], "; ".join(fault["detail"] for fault in [one, *one["also"]]))
    left = found["rejected_count"] - min(len(found["rejected"]), MOST_ROWS)
    return [table, *([f"and {left:,} more"] if left else [])]


def _samples(found: Preview) -> list[RenderableType]:
    if not found["samples"]:
        return []
    table = _table("to", "segments", "text", title="texts")
    for one in found["samples"]:
        _add(table, one["to"], one["segments"], one["text"])
    return [table]


def _warnings(found: Preview) -> list[RenderableType]:
    from rich.text import Text

    return [Text(f"warning: {one['detail']} ({one['code']})") for one in found["warnings"]]


def _add(table: Table, *cells: object) -> None:
    """A row of plain text: brackets in it are brackets."""
    from rich.text import Text

    table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))


def _table(*columns: str, title: str | None = None, header: bool = True) -> Table:
    from rich.table import Table

    return Table(
        *columns, box=None, pad_edge=False, show_header=header, header_style="bold", title=title, title_justify="left"
    )
