"""A recipient as campaigns and uploads bring it, and the verdict on one that is refused."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.http.fields import MAX_REF, NUMBER


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One recipient of a campaign; one line of an upload. What is wrong with it is a verdict, not a refusal of the whole."""

    to: Annotated[str, Meta(description=NUMBER["description"], examples=NUMBER["examples"])]
    variables: dict[str, str] = {}
    client_ref: Annotated[str, Meta(min_length=1, max_length=MAX_REF)] | None = None


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient that did not become a message; `index` counts recipients or lines from 0."""

    index: int
    pointer: str
    code: str
    detail: str
