"""`sluice send`: one message.

In: sender, destination, body (`-`: standard input, for what other accounts of the machine must not see in the list of
processes), lane. Out: the gateway's answer: id, status, encoding, segments.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from infra.cli.options import ApiKey, Config, Data, Gateway, Output, open_api
from infra.cli.output import show_one
from infra.runtime.refusal import Refusal
from schemas.values.encodings import LOOKED_AT, describe_encoding, foreign_encoding


class LaneName(StrEnum):
    """How urgent a message is."""

    OTP = "otp"
    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


ProfileOption = Annotated[str | None, typer.Option(help="Campaign profile: see `sluice profile list`.")]


def send(
    sender: Annotated[str, typer.Option("--from", help="Sender.")],
    to: Annotated[str, typer.Option(help="Destination, e.g. +4915112345678.")],
    body: Annotated[str, typer.Option(help="Text; - reads it from standard input, where no list of processes shows it.")],
    lane: Annotated[LaneName | None, typer.Option(help="Default: the profile's, or transactional.")] = None,
    profile: ProfileOption = None,
    client_ref: Annotated[str | None, typer.Option(help="Your own reference.")] = None,
    validity_seconds: Annotated[int | None, typer.Option(min=1, help="Not sent after so long; default: a day.")] = None,
    send_at: Annotated[str | None, typer.Option(help="Not before, e.g. 2027-03-01T09:00:00+01:00.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key sends once.")] = None,
    gateway: Gateway = None,
    api_key: ApiKey = None,
    data: Data = None,
    config: Config = None,
    output: Output = None,
) -> None:
    """Send one message."""
    given = {
        "to": to,
        "from": sender,
        "body": text_of(body),
        "lane": lane and lane.value,
        "profile": profile,
        "client_ref": client_ref,
        "validity_seconds": validity_seconds,
        "send_at": send_at,
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    body_ = {name: value for name, value in given.items() if value is not None}
    show_one(open_api(data, config, gateway, api_key).post("/v1/messages", body_, **headers), output)


def text_of(body: str) -> str:
    """The text, without the line end that a shell puts behind it."""
    if body != "-":
        return body
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        name = foreign_encoding(data[:LOOKED_AT])
        raise Refusal(f"the text on standard input: {describe_encoding(name) if name else 'save it as UTF-8'}") from None
