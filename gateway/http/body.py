"""Bodies: from bytes on the socket to a typed record, within bounds.

Enters: a request. Leaves: the record and the digest of its bytes. Refused: 415 another content type, 413 too many bytes,
408 bytes that do not come, 429 and 503 more bodies at a time than there is memory for, 400 what is not JSON in UTF-8 or is
nested deeper than 32, 422 with a pointer what is JSON but not this record. A byte order mark in front is passed over.
"""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.http.context import BODY_RESERVATION
from gateway.http.explanations import explain
from gateway.http.problem import Problem, refused
from gateway.http.texts import without_half_pairs
from schemas.values.encodings import BOM_UTF8, LOOKED_AT, describe_encoding, foreign_encoding
from schemas.values.json_words import in_words

MAX_DEPTH = 32
MAX_WHOLE = 512 * 1024
"""Bytes that are decoded at once, while others wait: some milliseconds. The longest text takes less, written as escapes."""
MAX_MENDED = 256 * 1024
"""Bytes in which half surrogate pairs are looked for; in more of them they are no JSON."""
_LOOKED_INTO = 128 * 1024
"""How far from its beginning JSON that is refused is looked at for its depth."""
IDLE_SECONDS = 20.0
"""A body of which nothing more has come for so long is given up."""
WHOLE_SECONDS = 60.0

T = TypeVar("T")
_NOT_NESTING = bytes(byte for byte in range(256) if byte not in b'"[]{}')
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a call that takes none: absent, or an empty object."""


async def read_json(request: web.Request, decoder: msgspec.json.Decoder[T], limit: int) -> tuple[T, bytes]:
    """The record in the body, and the body's digest."""
    data, digest = await read_bytes(request, min(limit, MAX_WHOLE))
    return decode_json(data, decoder), digest


async def read_nothing(request: web.Request) -> None:
    """Refuse a body where none belongs; an empty object is none."""
    if not request.body_exists:
        return
    data, _ = await _read(request, 1024)
    if data:
        require_content_type(request, "application/json")
        decode_json(data, _NOTHING)


def require_content_type(request: web.Request, *allowed: str) -> str:
    """The media type, which must be one of these, in UTF-8; 415 otherwise."""
    charset = (request.charset or "utf-8").lower()
    if "Content-Type" not in request.headers or request.content_type not in allowed or charset not in ("utf-8", "utf8"):
        raise Problem(415, "unsupported_media_type", f"this call takes {' or '.join(allowed)} in UTF-8")
    if any(value.lower() != "identity" for value in request.headers.getall("Content-Encoding", [])) or any(
        value.lower() != "chunked" for value in request.headers.getall("Transfer-Encoding", [])
    ):
        raise Problem(415, "unsupported_encoding", "compressed bodies are not taken")
    return request.content_type


async def read_bytes(request: web.Request, limit: int, *allowed: str) -> tuple[bytes, bytes]:
    """The whole body of one of these content types (JSON), of at most `limit` bytes, and its digest."""
    require_content_type(request, *(allowed or ("application/json",)))
    return await _read(request, limit)


async def _read(request: web.Request, limit: int) -> tuple[bytes, bytes]:
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    try:
        digest = await _receive(request, limit, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts), digest
    finally:
        # Trap: a body that breaks off leaves an exception in the request, which holds this frame, which holds the request:
        # the parts would stay until the collector looks at such old objects, which may be never.
        parts.clear()


async def _receive(request: web.Request, limit: int, parts: list[bytes]) -> bytes:
    """The body's parts, and the digest of all of them."""
    digest = blake2b(digest_size=16)
    reservation = request[BODY_RESERVATION]
    size = 0
    now = asyncio.get_running_loop().time
    end = now() + WHOLE_SECONDS
    try:
        async with asyncio.timeout(IDLE_SECONDS) as patience:
            while part := await request.content.readany():
                size += len(part)
                if size > limit:
                    raise too_large(limit)
                reservation.grow(len(part))
                digest.update(part)
                parts.append(part)
                patience.reschedule(min(now() + IDLE_SECONDS, end))
    except TimeoutError:
        raise slow_body() from None
    return digest.digest()


def too_large(limit: int, which: str = "") -> Problem:
    """413."""
    return Problem(413, "too_large", f"the body may have at most {limit} bytes {which}".rstrip())


def too_deep() -> Problem:
    """400."""
    return Problem(400, "too_deep", f"the JSON is nested deeper than {MAX_DEPTH}")


def slow_body() -> Problem:
    """408."""
    return Problem(408, "request_timeout", "the rest of the body did not come")


def decode_json(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The record in these bytes, or a Problem."""
    data = data.removeprefix(BOM_UTF8)
    try:
        return _decode_json(data, decoder)
    except Problem:
        # What is a record is not deep, so only what is refused is looked at.
        if _depth_exceeds(data[:_LOOKED_INTO], MAX_DEPTH):
            raise too_deep() from None
        raise


def _decode_json(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decode_record(data, decoder)
    except msgspec.ValidationError as fault:
        raise refused([explain(str(fault), data, decoder.type)]) from None
    except UnicodeDecodeError:
        raise _bad_utf8(data) from None
    except msgspec.DecodeError as fault:
        require_utf8(data)
        raise Problem(400, "bad_json", f"the body is not JSON: {in_words(str(fault))}") from None
    except RecursionError:
        raise too_deep() from None


def decode_record(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The record in these bytes, half surrogate pairs in it as U+0000. Raises what the decoder raises."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = without_half_pairs(data) if len(data) <= MAX_MENDED else None
        if mended is None:
            raise
    return decoder.decode(mended)


def require_utf8(data: bytes) -> None:
    """It is not in another encoding of Unicode."""
    if foreign_encoding(data[:LOOKED_AT]) is not None:
        raise _bad_utf8(data)


def _bad_utf8(data: bytes) -> Problem:
    foreign = foreign_encoding(data[:LOOKED_AT])
    return Problem(400, "bad_utf8", "the body is not UTF-8" if foreign is None else describe_encoding(foreign))


def _depth_exceeds(data: bytes, limit: int) -> bool:
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    # Trap: a search for whole strings takes time by the square of a text that never closes one, and 16 MB are allowed.
    # Without escapes every quotation mark opens or closes a string; which kind a bracket is the decoder looks at.
    marks = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_ONE_KIND, _NOT_NESTING).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    for _ in range(limit):
        innermost = brackets.replace(b"[]", b"")
        if len(innermost) == len(brackets):
            break
        brackets = innermost
    # What is left of well-formed text is deeper; of other text it is either too deep or not JSON at all.
    opened = brackets.count(b"[")
    return opened > limit or 0 < opened == brackets.count(b"]")


_NOTHING: msgspec.json.Decoder[Nothing] = msgspec.json.Decoder(Nothing)
