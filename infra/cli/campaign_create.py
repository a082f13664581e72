"""`sluice campaign create FILE`: looked at first, shown, asked about; only then made, uploaded and started.

In: a campaign's fields and a file of recipients, or stdin. Out: what was made. Before the answer nothing exists, so that a
no leaves nothing behind. Wrong: more refused recipients than allowed; nobody there to ask without `--yes`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.campaign_options import Body, Lane, MaxPrice, Sender, SmartEncoding, StartAt, campaign_fields, schedule_of
from infra.cli.campaign_preview import check_rejected, preview_file, tell_preview
from infra.cli.options import ApiKey, Config, Data, Gateway, HoursOption, Output, Yes, confirm, open_api
from infra.cli.output import Format, chosen, show_one
from infra.cli.send import ProfileOption
from infra.runtime.console import tell
from infra.runtime.refusal import Refusal

if TYPE_CHECKING:
    from infra.client.api import Api

STDIN = "-"
Made = dict[str, Any]


def create(
    name: Annotated[str, typer.Option(help="Its name.")],
    sender: Sender,
    body: Body,
    recipients: Annotated[Path, typer.Argument(metavar="RECIPIENTS", help="CSV or NDJSON file; - is stdin.")],
    lane: Lane = None,
    profile: ProfileOption = None,
    validity_seconds: Annotated[int | None, typer.Option(min=1, help="Not sent after so long; default: a day.")] = None,
    max_price: MaxPrice = None,
    smart_encoding: SmartEncoding = False,
    start_at: StartAt = None,
    window: HoursOption = None,
    draft: Annotated[bool, typer.Option("--draft", help="Do not start it.")] = False,
    max_rejected: Annotated[int | None, typer.Option(min=0, help="Make nothing if more recipients are refused.")] = None,
    yes: Yes = False,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Show what a campaign comes to and ask; then make it, upload its recipients and start it."""
    wanted = campaign_fields(
        name=name,
        sender=sender,
        body=body,
        lane=lane,
        profile=profile,
        max_price=max_price,
        smart_encoding=smart_encoding,
        validity_seconds=validity_seconds,
        schedule=schedule_of(start_at, window),
    )
    asks = not (yes or draft)
    if asks and (str(recipients) == STDIN or not sys.stdin.isatty()):
        raise Refusal("nobody can be asked whether this is to be sent", "say --yes, or --draft and start it later")
    api = open_api(data, config, gateway, api_key)
    table = chosen(output) is Format.TABLE
    with _twice(recipients) as (stream, size):
        found = preview_file(api, wanted, stream, recipients.name, size)
        if asks or table:
            tell_preview(api, found)
        check_rejected(found["rejected_count"], max_rejected)
        if not found["recipients"]:
            raise Refusal("not one recipient is accepted", "mend the file: see `sluice preview`")
        count = found["recipients"]
        price = f"{found['price']} {found['currency']}"
        confirm(f"Send {count:,} message{'' if count == 1 else 's'} for {price}?", not asks)
        stream.seek(0)
        made = _make(api, wanted, stream, recipients.name, size, max_rejected, start=not draft)
    show_one(made if table else made | _told(found, made), output)


def _make(
    api: Api, wanted: Made, stream: IO[bytes], name: str, size: int | None, max_rejected: int | None, *, start: bool
) -> Made:
    """The campaign with its recipients, started or not; none where that does not come to an end."""
    from infra.cli.recipients import content_of, with_progress

    made = api.post("/v1/campaigns", wanted | {"open": True, "recipients": []})
    try:
        content, blocks = content_of(stream, name)
        uploaded = api.upload(f"/v1/campaigns/{made['id']}/recipients", with_progress(blocks, size), 1, content)
        # why again: a route may have been changed since the preview.
        check_rejected(uploaded["rejected_count"], max_rejected)
    except BaseException:
        _take_back(api, made["id"])
        raise
    started = api.post(f"/v1/campaigns/{made['id']}/start") if start else {}
    return {
        "id": made["id"],
        "status": started.get("status", "draft"),
        "accepted": uploaded["accepted"],
        "rejected_count": uploaded["rejected_count"],
        "rejected": uploaded["rejected"],
    }


def _told(found: Made, made: Made) -> Made:
    """What a program does not see on the way."""
    return {
        "rejected": made["rejected"],
        "segments": found["total_segments"],
        "price": found["price"],
        "currency": found["currency"],
        "samples": found["samples"],
        "warnings": found["warnings"],
    }


@contextmanager
def _twice(path: Path) -> Iterator[tuple[IO[bytes], int | None]]:
    """The file and its bytes, to be read from its beginning a second time; what cannot be is copied."""
    from infra.cli.recipients import opened, size_of

    with opened(path) as stream:
        if str(path) != STDIN and stream.seekable():
            yield stream, size_of(path)
            return
        with TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy)
            size = copy.tell()
            copy.seek(0)
            yield copy, size


def _take_back(api: Api, campaign: str) -> None:
    """Nobody wants the draft whose recipients did not arrive."""
    from infra.client.api import ApiError

    try:
        api.post(f"/v1/campaigns/{campaign}/cancel")
    except ApiError:
        tell(f"the draft {campaign} is left: `sluice campaign cancel {campaign}`")
    else:
        tell(f"the draft {campaign} was canceled")
