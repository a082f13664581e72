"""The bodies that clients send, as typed records; what is not listed here is refused.

Enters: JSON. Leaves: frozen records whose shapes are checked by msgspec; what their values mean is checked elsewhere.
Fields and values that a later version will know stand in `UNBUILT`, so that their refusal says so. What is checked elsewhere
but can be said in JSON Schema (`extra_json_schema`) is said to readers of the OpenAPI document here, and costs nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from gateway.http.problem import Problem, refusal

LaneName = Literal["otp", "transactional", "marketing"]
MAX_INLINE = 10_000
MAX_NAMES = 100
"""Different placeholders of a body; every recipient is asked for each."""
MAX_BODY_TEXT = 40_000
"""Characters of a body; more than 255 segments can carry."""
MAX_VALIDITY = 172_800
MAX_REF = 255

_NO_NUL = {"pattern": "^[^\\u0000]*$"}
_BODY_SAYS = ("`{{name}}` stands for a variable, for which there must be a value. At most 255 segments: 39,015 characters "
              "of GSM-7, 17,085 UTF-16 units of any other text")
NUMBER: dict[str, Any] = {
    "format": "phone", "minLength": 8, "maxLength": 64, "pattern": r"^[ ().-]*(\+|0[ ().-]*0)[ ().-]*[0-9][0-9 ().-]*$",
    "description": "International, `+` or `00` and digits, held valid by libphonenumber, and with a route that leads to it",
    "examples": ["+4915112345678"]}
SENDER: dict[str, Any] = {
    "description": "1 to 11 letters, digits, space and . _ & -, one of them a letter; or 3 to 15 digits, perhaps with a +",
    "anyOf": [{"pattern": "^[0-9 ._&-]*[A-Za-z][A-Za-z0-9 ._&-]*$", "minLength": 1, "maxLength": 11},
              {"pattern": r"^\+?[0-9]{3,15}$"}], "examples": ["Shop"]}

Number = Annotated[str, Meta(extra_json_schema=NUMBER)]
Sender = Annotated[str, Meta(extra_json_schema=SENDER)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_BODY_TEXT, description=_BODY_SAYS, extra_json_schema=_NO_NUL)]
ClientRef = Annotated[str, Meta(min_length=1, max_length=MAX_REF, extra_json_schema=_NO_NUL)]
Name = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=_NO_NUL)]
# 60.0 is a whole number to JSON Schema and to many clients; text and fractions are refused.
Validity = Annotated[float, Meta(ge=1, le=MAX_VALIDITY, multiple_of=1)]
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

    to: Number
    sender: Sender = msgspec.field(name="from")
    body: Text
    lane: LaneName = "transactional"
    channel: Literal["sms"] = "sms"
    validity_seconds: Validity = 86_400
    client_ref: ClientRef | None = None
    variables: dict[str, str] = {}
    smart_encoding: bool = False


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One recipient of a campaign; one line of an upload. What is wrong with it is a verdict, not a refusal of the whole."""

    to: Annotated[str, Meta(description=NUMBER["description"], examples=NUMBER["examples"])]
    variables: dict[str, str] = {}
    client_ref: Annotated[str, Meta(min_length=1, max_length=MAX_REF)] | None = None


class CampaignRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign with its recipients, or an open one to which they are uploaded."""

    name: Name
    sender: Sender = msgspec.field(name="from")
    body: Text
    lane: LaneName = "marketing"
    channel: Literal["sms"] = "sms"
    validity_seconds: Validity = 86_400
    max_price: Amount | None = None
    smart_encoding: bool = False
    recipients: Annotated[list[Recipient], Meta(extra_json_schema={"maxItems": MAX_INLINE})] = []
    open: bool = False


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a call that takes none: absent, or an empty object."""
