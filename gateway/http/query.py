"""Parameters of a query: known ones, once each, within bounds; cursors that nobody needs to understand.

A cursor is the place's values with dots between them, so that its form can be described: whatever fits is a place.

Enters: a request. Leaves: typed values. Refused: 422 with the pointer `?name`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.http.problem import refusal
from schemas.values.status import Status

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000

TIMED_CURSOR = r"^(0|[1-9][0-9]{0,14})\.[A-Za-z0-9_-]{1,64}$"
"""A time in milliseconds and an id."""
NUMBERED_CURSOR = r"^[1-9][0-9]{0,17}$"
PLACED_CURSOR = r"^(0|[1-9][0-9]{0,14})\.[A-Za-z0-9_-]{1,64}\.(0|[1-9][0-9]{0,8})$"
"""The same and a place within."""
INDEXED_CURSOR = r"^(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,14})$"
"""A part and an index."""

T = TypeVar("T")


def read_query(request: web.Request, known: Sequence[str]) -> dict[str, str]:
    """The parameters; one that this call does not know is refused, and so is one given twice."""
    if not request.query_string:
        return {}
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in known:
            raise refusal(f"?{name}", "unknown_parameter", f"this call takes {', '.join(known) or 'no parameters'}")
        if name in found:
            raise refusal(f"?{name}", "repeated_parameter", "a parameter may be given once")
        if "\0" in value or not _is_text(value):
            raise refusal(f"?{name}", "bad_value", "the value has characters that cannot be")
        found[name] = value
    return found


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_limit(query: dict[str, str]) -> int:
    """How many rows a page has."""
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise refusal("?limit", "out_of_range", f"limit is 1 to {MAX_LIMIT}")
    return int(text)


def read_status(query: dict[str, str]) -> Status | None:
    """The state to look for."""
    text = query.get("status")
    try:
        return None if text is None else Status(text)
    except ValueError:
        raise refusal("?status", "bad_value", f"status is one of {', '.join(Status)}") from None


def read_time(query: dict[str, str], name: str) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 time with its offset."""
    text = query.get(name)
    if text is None:
        return None
    try:
        # An unescaped "+" of an offset arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return int(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise refusal(f"?{name}", "bad_value", "expected a time such as 2026-01-31T12:00:00Z") from None


def write_cursor(place: msgspec.Struct) -> str:
    """Opaque text for this place in a list."""
    return ".".join(map(str, msgspec.structs.astuple(place)))


def read_cursor(text: str | None, pattern: str, kind: type[T]) -> T | None:
    """The place in this text, which has this form."""
    if text is None:
        return None
    if not text.isascii() or re.fullmatch(pattern, text) is None:
        raise refusal("?cursor", "bad_cursor", "this is not a cursor of this list")
    return msgspec.convert(text.split("."), kind, strict=False)
