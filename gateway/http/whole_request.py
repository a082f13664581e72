"""A request that came whole in one read, with nothing unusual in its head.

Enters: bytes from a socket that begin with a known first line. Leaves: `WholeRequest`, or None where a parser of all of HTTP
has to look: a header that is not listed here or comes twice, another type of content, a value that is not plain ASCII, white
space where none belongs, bytes behind the body. Nobody guesses here, so no request means something else on this way than on
the other one. `Partial`: the head is such a one, and the body is not all there yet.
"""

from __future__ import annotations

from typing import NamedTuple

LARGEST_BODY = 16 * 1024
LARGEST_HEAD = 4 * 1024
_END = b"\r\n\r\n"
_KNOWN = frozenset(
    (
        b"host",
        b"content-type",
        b"content-length",
        b"authorization",
        b"idempotency-key",
        b"x-request-id",
        b"traceparent",
        b"user-agent",
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"connection",
    )
)
_JSON = frozenset((b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"))
_UNPRINTABLE = bytes([*range(32), 127])


class WholeRequest(NamedTuple):
    """`token` of the bearer. Of the others None: the header is not there."""

    body: bytes
    token: str
    key: str | None
    request_id: str | None
    traceparent: str | None


class Partial(NamedTuple):
    """So many bytes there are when all of it is there."""

    size: int


def read_whole(data: bytes, first_line: bytes) -> WholeRequest | Partial | None:
    """The request in these bytes, which begin with `first_line` (its line end included)."""
    end = data.find(_END, len(first_line) - 2, LARGEST_HEAD)
    if end < 0:
        return None
    headers = _headers(data[len(first_line) : end])
    if headers is None:
        return None
    length, token = headers.get(b"content-length", b""), _token(headers.get(b"authorization", b""))
    # More than five digits are more than the largest body.
    if token is None or not length.isdigit() or len(length) > 5 or int(length) > LARGEST_BODY:
        return None
    if headers.get(b"content-type", b"").lower() not in _JSON or not headers.get(b"host"):
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    size = end + len(_END) + int(length)
    if len(data) != size:
        return Partial(size) if len(data) < size else None
    return WholeRequest(
        data[end + len(_END) :],
        token,
        _text(headers.get(b"idempotency-key")),
        _text(headers.get(b"x-request-id")),
        _text(headers.get(b"traceparent")),
    )


def _headers(lines: bytes) -> dict[bytes, bytes] | None:
    if not lines.isascii():
        return None
    found: dict[bytes, bytes] = {}
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or name not in _KNOWN or name in found:
            return None
        value = value.strip(b" ")
        if not value or value.translate(None, _UNPRINTABLE) != value:
            return None
        found[name] = value
    return found


def _token(value: bytes) -> str | None:
    scheme, _, token = value.partition(b" ")
    return token.strip().decode() if scheme.lower() == b"bearer" and token else None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
