"""The bodies that clients send, as typed records; what is not listed here is refused.

Enters: JSON. Leaves: frozen records whose shapes are checked by msgspec; what their values mean is checked elsewhere.
Fields and values that a later version will know stand in `UNBUILT`, so that their refusal says so.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from gateway.problem import Problem, refusal

LaneName = Literal["otp", "transactional", "marketing"]
MAX_INLINE = 10_000
MAX_NAMES = 100
"""Different placeholders of a body; every recipient is asked for each."""
MAX_BODY_TEXT = 40_000
"""Characters of a body; more than 255 segments can carry."""
MAX_VALIDITY = 172_800
MAX_REF = 255

Text = Annotated[str, Meta(min_length=1, max_length=MAX_BODY_TEXT)]
ClientRef = Annotated[str, Meta(min_length=1, max_length=MAX_REF)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Validity = Annotated[int, Meta(ge=1, le=MAX_VALIDITY)]
# Trap: to Python `$` also stands before a last newline; JSON Schema knows no other end of a text.
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,11}(\.[0-9]{1,4})?$(?!\n)")]

UNBUILT = frozenset({"send_at", "callback_url", "template", "schedule", "profile"})
"""Fields of a later version."""
EXPECTED = {
    "/lane": f"expected {', '.join(get_args(LaneName)[:-1])} or {get_args(LaneName)[-1]}",
    "/max_price": "expected an amount as text, such as \"12.50\": at most four digits behind the point",
    "/validity_seconds": f"expected a whole number of seconds, 1 to {MAX_VALIDITY}",
    "/smart_encoding": "expected true or false",
    "/open": "expected true or false",
}
"""What a field takes, by its place, where the decoder's own words would not say so."""


def too_many_recipients() -> Problem:
    """422."""
    return refusal("/recipients", "too_many_recipients",
                   f"at most {MAX_INLINE} recipients inline; open the campaign and upload more")


class MessageRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message. With `variables` the body is a template; without, its placeholders have no values."""

    to: str
    sender: str = msgspec.field(name="from")
    body: Text
    lane: LaneName = "transactional"
    channel: Literal["sms"] = "sms"
    validity_seconds: Validity = 86_400
    client_ref: ClientRef | None = None
    variables: dict[str, str] = {}
    smart_encoding: bool = False


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One recipient of a campaign; one line of an upload."""

    to: str
    variables: dict[str, str] = {}
    client_ref: ClientRef | None = None


class CampaignRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign with its recipients, or an open one to which they are uploaded."""

    name: Name
    sender: str = msgspec.field(name="from")
    body: Text
    lane: LaneName = "marketing"
    channel: Literal["sms"] = "sms"
    validity_seconds: Validity = 86_400
    max_price: Amount | None = None
    smart_encoding: bool = False
    recipients: list[Recipient] = []
    open: bool = False


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a call that takes none: absent, or an empty object."""
