"""Fields that several resources share: their types as msgspec checks them, their bounds, and how they look on the way out.

Enters: nothing. Leaves: types for the records in each resource's `types.py`. What is checked elsewhere but can be said in
JSON Schema (`extra_json_schema`) is said to readers of the OpenAPI document here, and costs nothing. Fields that a later
version will know stand in `UNBUILT`, so that their refusal says so. Amounts are decimal strings with four places, times
RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from gateway.http.problem import refusal

LaneName = Literal["otp", "transactional", "marketing"]
Encoding = Literal["gsm7", "ucs2"]
MAX_BODY_TEXT = 40_000
"""Characters of a body; more than 255 segments can carry."""
MAX_VALIDITY = 172_800
DEFAULT_VALIDITY = 86_400
MAX_REF = 255

NO_NUL = {"pattern": "^[^\\u0000]*$"}
_BODY_SAYS = (
    "`{{name}}` stands for a variable, for which there must be a value. At most 255 segments: 39,015 characters "
    "of GSM-7, 17,085 UTF-16 units of any other text"
)
NUMBER: dict[str, Any] = {
    "format": "phone",
    "minLength": 8,
    "maxLength": 64,
    "pattern": r"^[ ().-]*(\+|0[ ().-]*0)[ ().-]*[0-9][0-9 ().-]*$",
    "description": "International, `+` or `00` and digits, held valid by libphonenumber, and with a route that leads to it",
    "examples": ["+4915112345678"],
}
SENDER: dict[str, Any] = {
    "description": "1 to 11 letters, digits, space and . _ & -, one of them a letter; or 3 to 15 digits, perhaps with a +",
    "anyOf": [
        {"pattern": "^[0-9 ._&-]*[A-Za-z][A-Za-z0-9 ._&-]*$", "minLength": 1, "maxLength": 11},
        {"pattern": r"^\+?[0-9]{3,15}$"},
    ],
    "examples": ["Shop"],
}

Sender = Annotated[str, Meta(extra_json_schema=SENDER)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_BODY_TEXT, description=_BODY_SAYS, extra_json_schema=NO_NUL)]
# 60.0 is a whole number to JSON Schema and to many clients; text and fractions are refused.
Validity = Annotated[float, Meta(ge=1, le=MAX_VALIDITY, multiple_of=1, extra_json_schema={"default": DEFAULT_VALIDITY})]
ProfileName = Annotated[
    str, Meta(max_length=40, description="A campaign profile of the installation", extra_json_schema=NO_NUL)
]

Instant = Annotated[
    datetime, Meta(tz=True, description="RFC 3339 with its offset, at most 30 days ahead", examples=["2027-03-01T09:00:00Z"])
]
MAX_AHEAD_SECONDS = 30 * 86_400
"""What waits stands in topics that keep it a little longer."""

UNBUILT = frozenset({"callback_url", "template"})
"""Fields of a later version."""
_TIME = "expected a time of the day such as 09:00"
_DAYS = "expected days of the week: mon, tue, wed, thu, fri, sat, sun"
_INSTANT = "expected a time with its offset from UTC, such as 2027-03-01T09:00:00+01:00"
EXPECTED = {
    "/lane": f"expected {', '.join(get_args(LaneName)[:-1])} or {get_args(LaneName)[-1]}",
    "/max_price": 'expected an amount as text, such as "12.50": at most four digits behind the point',
    "/validity_seconds": f"expected a whole number of seconds, 1 to {MAX_VALIDITY}",
    "/smart_encoding": "expected true or false",
    "/open": "expected true or false",
    "/profile": "expected the name of a profile, or null",
    "/scope": "expected failed, expired, unsent or uncertain",
    "/kind": "expected tenant, sender, carrier or all",
    "/send_at": _INSTANT,
    "/start_at": _INSTANT,
    "/schedule/start_at": _INSTANT,
    **{f"{place}/window/{end}": _TIME for place in ("", "/schedule") for end in ("from", "to")},
    **{f"{place}/window/days": _DAYS for place in ("", "/schedule")},
}
"""What a field takes, by its place, where the decoder's own words would not say so."""


def milliseconds(at: datetime) -> int:
    """Since 1970."""
    return round(at.timestamp() * 1000)


def check_ahead(at: int, now: int, pointer: str) -> None:
    """Refuse a time that lies too far ahead. One that is past is no fault: a repeat of a call may come late."""
    if at > now + MAX_AHEAD_SECONDS * 1000:
        raise refusal(
            pointer,
            "too_far_ahead",
            f"at most {MAX_AHEAD_SECONDS // 86_400} days ahead, before {instant(now + MAX_AHEAD_SECONDS * 1000)}",
        )


def instant(at: int) -> str:
    """RFC 3339 of a time in milliseconds since 1970."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_or_none(at: int | None) -> str | None:
    """The same, where there may be no time."""
    return None if at is None else instant(at)
