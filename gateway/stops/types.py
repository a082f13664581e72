"""Emergency stops as operators send and get them; fields that are not listed here are refused."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.http.fields import NO_NUL

Kind = Literal["all", "tenant", "sender", "carrier"]


class StopRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to stop, or to go on. `name`: a tenant's id, a sender, a carrier's id; nothing for `all`."""

    kind: Kind
    name: Annotated[str, Meta(max_length=128, extra_json_schema=NO_NUL)] = ""


class ShownStop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop in force."""

    kind: Kind
    name: str
    since: str


class Stops(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, the oldest first."""

    stops: list[ShownStop]
