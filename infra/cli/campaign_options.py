"""What `sluice campaign create` and `sluice preview` have in common: the options that describe a campaign, and its fields.

In: values as typed. Out: the body of a campaign without its recipients; what was not given is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.send import LaneName

Sender = Annotated[str, typer.Option("--from", help="Sender.")]
Body = Annotated[str, typer.Option(help="Text with {{variables}}.")]
Recipients = Annotated[Path | None, typer.Argument(metavar="RECIPIENTS", help="CSV or NDJSON file; - is stdin.")]
Lane = Annotated[LaneName | None, typer.Option(help="Default: the profile's, or the API's.")]
MaxPrice = Annotated[str | None, typer.Option(help="Refuse what would cost more.")]
SmartEncoding = Annotated[bool, typer.Option("--smart-encoding", help="Replace look-alikes.")]
StartAt = Annotated[str | None, typer.Option(help="Not before, e.g. 2027-03-01T09:00:00+01:00.")]


def schedule_of(start_at: str | None, window: str | None) -> dict[str, Any]:
    """When it is sent, as the API takes it."""
    from infra.cli.hours import as_json, read_hours

    given = {"start_at": start_at, "window": None if window is None else as_json(read_hours(window))}
    return {name: value for name, value in given.items() if value is not None}


def campaign_fields(
    *,
    name: str,
    sender: str,
    body: str,
    lane: LaneName | None,
    profile: str | None,
    max_price: str | None,
    smart_encoding: bool,
    validity_seconds: int | None = None,
    schedule: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A campaign as the API takes it."""
    given = {
        "name": name,
        "from": sender,
        "body": body,
        "lane": lane and lane.value,
        "profile": profile,
        "max_price": max_price,
        "validity_seconds": validity_seconds,
        "smart_encoding": smart_encoding or None,
        "schedule": schedule or None,
    }
    return {key: value for key, value in given.items() if value is not None}
