"""A preview of a file of any size: `multipart/form-data` with the campaign as JSON, the recipients as CSV or NDJSON.

Enters: a request. Leaves: the campaign, and the recipients' bytes in a file that is gone when the answer is. The rows are
read by the reader of uploads, so that a file gets the verdicts that its upload will get. Refused: 400 for what is no such
form, 413, 415, 422 as for uploads, 429 and 503 when there is no room for the file, 408 when it drips.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import IO

import msgspec
from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.auth.accounts import Account
from gateway.campaigns.types import CampaignRequest
from gateway.http.body import IDLE_SECONDS, MAX_WHOLE, decode_json, slow_body, too_large
from gateway.http.context import BODY_RESERVATION, LIMITS
from gateway.http.problem import Problem, refusal
from gateway.recipients.lines import Entries
from gateway.recipients.uploads import CSV, NDJSON, READERS, UPLOADS, receive_bytes

FORM = "multipart/form-data"
_BLOCK = 64 * 1024
_DECODER = msgspec.json.Decoder(CampaignRequest)


class _PartBytes:
    """The bytes of one part of the form, as those of a body are read."""

    def __init__(self, part: BodyPartReader) -> None:
        self._part = part

    async def readany(self) -> bytes:
        """Some more; none at the end."""
        try:
            block = bytes(await self._part.read_chunk(_BLOCK))
        except (ValueError, AssertionError):
            raise _bad_form("it ends too early") from None
        # Trap: a form that breaks off looks like a part that ends, but for the boundary behind it.
        if not block and not self._part.at_eof():
            raise _bad_form("it ends too early")
        return block


@asynccontextmanager
async def received_form(request: web.Request, account: Account) -> AsyncIterator[tuple[CampaignRequest, IO[bytes], str]]:
    """The campaign, the file of its recipients and the content type that says how to read it."""
    limits = request.app[LIMITS]
    try:
        form = await request.multipart()
    except (ValueError, AssertionError):
        raise _bad_form("its Content-Type names no boundary") from None
    with (
        limits.uploads.reservation(account.tenant) as running,
        request.app[UPLOADS].spool() as spool,
        limits.spool.reservation(account.tenant) as room,
    ):
        running.grow(1)
        wanted: CampaignRequest | None = None
        content = ""
        while (part := await _next(form)) is not None:
            if part.name == "campaign" and wanted is None:
                wanted = _campaign(await _read_campaign(request, part))
            elif part.name == "recipients" and not content:
                content = _content_of(part)
                await receive_bytes(_PartBytes(part), request.content_length, limits, content, spool, room)
            else:
                raise _bad_form("it has the parts campaign and recipients, each once, and no other")
        if wanted is None or not content:
            raise _bad_form(f"its part {'campaign' if wanted is None else 'recipients'} is missing")
        yield wanted, spool, content


def entries_of(spool: IO[bytes], content: str) -> Iterator[Entries]:
    """The recipients in the file, or what is wrong with a row, some at a time."""
    return READERS[content](spool)


async def _next(form: MultipartReader) -> BodyPartReader | None:
    """The next part; None behind the last one."""
    try:
        part = await form.next()
    except (ValueError, AssertionError, HttpProcessingError):
        raise _bad_form("it ends too early, or its parts are not set apart by its boundary") from None
    if part is None or isinstance(part, BodyPartReader):
        return part
    raise _bad_form("a part of it is a form itself")


def _campaign(data: bytes) -> CampaignRequest:
    wanted = decode_json(data, _DECODER)
    if wanted.recipients:
        raise refusal("/recipients", "recipients_twice", "the recipients stand in the part recipients, not in the campaign")
    return msgspec.structs.replace(wanted, open=True)


def _content_of(part: BodyPartReader) -> str:
    content = part.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content not in READERS:
        raise Problem(415, "unsupported_media_type", f"the part recipients is {CSV} or {NDJSON}, in UTF-8")
    return content


async def _read_campaign(request: web.Request, part: BodyPartReader) -> bytes:
    source, data = _PartBytes(part), b""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            while block := await source.readany():
                request[BODY_RESERVATION].grow(len(block))
                data += block
                if len(data) > MAX_WHOLE:
                    raise too_large(MAX_WHOLE, "in the part campaign")
    except TimeoutError:
        raise slow_body() from None
    return data


def _bad_form(detail: str) -> Problem:
    return Problem(400, "bad_form", f"the body is no multipart form: {detail}")
