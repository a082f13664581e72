"""Answers in JSON.

Enters: a typed record, or bytes that are ready. Leaves: the response.
"""

from __future__ import annotations

import msgspec
from aiohttp import web


def answer(body: msgspec.Struct, status: int = 200, *, location: str | None = None) -> web.Response:
    """A JSON answer."""
    return raw_answer(msgspec.json.encode(body), status, location=location)


def raw_answer(body: bytes, status: int, *, location: str | None = None) -> web.Response:
    """A JSON answer of bytes that are ready, and a newline: on a terminal the next prompt has a line of its own."""
    headers = {} if location is None else {"Location": location}
    return web.Response(body=body + b"\n", status=status, content_type="application/json", headers=headers)
