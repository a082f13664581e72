"""The body of a campaign or a preview, read in pieces, so that the largest one keeps nobody waiting.

Enters: JSON. Leaves: the `CampaignRequest`. A long body is cut between recipients into pieces of 16 kB, or of one recipient;
what is around the list of recipients is read for itself. A piece that is cut wrongly is no JSON, so nothing is ever misread.
Refused, besides what `decode_json` refuses: a recipient longer than a line of an upload may be, and more than 512 kB besides
the recipients.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from http import HTTPStatus

import msgspec

from gateway.campaigns.types import MAX_INLINE, CampaignRequest, too_many_recipients
from gateway.http.body import (
    MAX_DEPTH,
    MAX_WHOLE,
    decode_json,
    decode_record,
    require_utf8,
    too_deep,
    too_large,
)
from gateway.http.explanations import explain_line
from gateway.http.loop_scheduler import drop_all
from gateway.http.problem import Fault, Problem, refusal, refused
from gateway.screening.types import Recipient

PIECE = 64 * 1024
"""Bytes that one recipient may have."""
TURN_BYTES = 16 * 1024
"""Bytes of several recipients that are cut or decoded between two turns: a millisecond."""
ENTRIES = 2_000
"""Entries that are looked at between two turns; more are short ones, which are none."""
_ONE = msgspec.json.Decoder(CampaignRequest)
_LIST = msgspec.json.Decoder(list[Recipient])
# Trap: without the possessive `+` a string that is never closed takes time by its square; such one is a mere `"` here.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_BLANK = b" \t\r\n"
Pieces = list[tuple[int, int]]
Steps = Generator[None, None, CampaignRequest]


def read_campaign(data: bytes) -> Steps:
    """The request in this body; others may have their turn after each step."""
    if len(data) <= PIECE:
        return decode_json(data, _ONE)
    require_utf8(data)
    begin = _find_list(data)
    if begin is None:
        return decode_json(_short(data), _ONE)
    pieces, end = yield from _cut(data, begin)
    wanted = decode_json(_short(data[:begin] + data[end:]), _ONE)
    if wanted.recipients:
        raise Problem(400, "bad_json", "the recipients stand in the body twice")
    recipients: list[Recipient] = []
    try:
        for piece in pieces:
            yield
            recipients += _decode(data, piece, begin, len(recipients))
    except Problem:
        yield from drop_all(recipients)
        raise
    return msgspec.structs.replace(wanted, recipients=recipients)


def _short(data: bytes) -> bytes:
    if len(data) > MAX_WHOLE:
        raise too_large(MAX_WHOLE, "besides its recipients")
    return data


def _find_list(data: bytes) -> int | None:
    """Where the first list begins, if the body begins as an object and names one soon."""
    depth = 0
    for token in _TOKEN.finditer(data, 0, MAX_WHOLE):
        kind = token[0][:1]
        if kind == b"[" and depth == 1:
            return token.end()
        if kind == b"{" and not depth:
            depth = 1
        elif kind != b'"' or not depth or len(token[0]) == 1:
            return None
    return None


def _cut(data: bytes, begin: int) -> Generator[None, None, tuple[Pieces, int]]:
    """The pieces of the list that begins there, and the place of its end."""
    pieces: Pieces = []
    count = 0
    while True:
        cut, more, ended = _next_cut(data, begin)
        count += more
        if count > MAX_INLINE:
            raise too_many_recipients()
        if cut == begin and not ended:
            raise _no_recipient(data, pieces, begin, count)
        pieces.append((begin, cut))
        if ended:
            return pieces, cut
        begin = cut
        yield


def _next_cut(data: bytes, begin: int) -> tuple[int, int, bool]:
    """The end of a whole entry 16 kB further or, if it is longer, of the next; how many there are; whether the list ends."""
    depth, count, cut = 0, 0, begin
    for token in _TOKEN.finditer(data, begin, begin + PIECE):
        kind = token[0]
        if kind in (b"{", b"["):
            depth += 1
            if depth > MAX_DEPTH - 2:
                raise too_deep()
        elif kind in (b"}", b"]"):
            if not depth:
                return token.start(), count, True
            depth -= 1
            if not depth:
                count, cut = count + 1, token.end()
                if count == ENTRIES or cut - begin >= TURN_BYTES:
                    break
        elif kind == b'"':
            break
    return cut, count, False


def _no_recipient(data: bytes, pieces: Pieces, begin: int, index: int) -> Problem:
    """What the entry is that begins there and does not end within 64 kB."""
    try:
        _decode(data, (begin, begin + PIECE), pieces[0][0] if pieces else begin, index)
    except Problem as problem:
        if problem.status == HTTPStatus.UNPROCESSABLE_ENTITY or len(data) - begin <= PIECE:
            return problem
    if len(data) - begin <= PIECE:
        return Problem(400, "bad_json", "the body is not JSON: it ends too early")
    return refusal(f"/recipients/{index}", "recipient_too_long", f"a recipient has at most {PIECE} bytes of JSON")


def _decode(data: bytes, piece: tuple[int, int], begin: int, first: int) -> list[Recipient]:
    """The recipients of one piece, the first of which has this index."""
    text = data[piece[0] : piece[1]].strip(_BLANK)
    if piece[0] > begin and text:
        if text[:1] != b"," or len(text) == 1:
            raise Problem(400, "bad_json", "the body is not JSON: there is a comma too many, or too few, between recipients")
        text = text[1:]
    data = b"[" + text + b"]"
    try:
        return decode_record(data, _LIST)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        if isinstance(fault, msgspec.ValidationError):
            raise refused([_moved(explain_line(fault, data=data, kind=list[Recipient]), first)]) from None
        raise Problem(400, "bad_json", f"the body is not JSON, in or behind recipient {first}") from None


def _moved(fault: Fault, first: int) -> Fault:
    """The fault with its pointer into the whole body."""
    index, *tail = fault.pointer.split("/")[1:] or ["0"]
    return msgspec.structs.replace(fault, pointer="/".join(["/recipients", str(first + int(index)), *tail]))
