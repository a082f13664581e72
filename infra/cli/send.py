"""`sluice send`: one message.

In: sender, destination, body, lane. Out: the gateway's answer: id, status, encoding, segments.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from infra.cli.options import ApiKey, Config, Data, Gateway, Output, open_api
from infra.cli.output import show_one


class LaneName(StrEnum):
    """How urgent a message is."""

    OTP = "otp"
    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


def send(
    sender: Annotated[str, typer.Option("--from", help="Sender.")],
    to: Annotated[str, typer.Option(help="Destination, e.g. +4915112345678.")],
    body: Annotated[str, typer.Option(help="Text.")],
    lane: Annotated[LaneName | None, typer.Option(help="Default: transactional.")] = None,
    client_ref: Annotated[str | None, typer.Option(help="Your own reference.")] = None,
    validity_seconds: Annotated[int | None, typer.Option(min=1, help="Not sent after so long; default: a day.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key sends once.")] = None,
    gateway: Gateway = None, api_key: ApiKey = None, data: Data = None, config: Config = None, output: Output = None,
) -> None:
    """Send one message."""
    given = {"to": to, "from": sender, "body": body, "lane": lane and lane.value, "client_ref": client_ref,
             "validity_seconds": validity_seconds}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    body_ = {name: value for name, value in given.items() if value is not None}
    show_one(open_api(data, config, gateway, api_key).post("/v1/messages", body_, **headers), output)
