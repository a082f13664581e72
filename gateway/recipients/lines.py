"""Lines of an upload: newline-delimited JSON to recipients, in blocks, within a constant amount of memory.

Enters: a file of any size in UTF-8, with or without a byte order mark. Leaves: blocks of `Recipient`, or of `Fault` where a
line is no recipient; one entry a line, in their order, so that an index is a line's number from 0. Blank lines are no lines,
as in a table: they get no entry and no number; a block may be empty. A last newline is optional. A line longer than 64 kB
is one fault. A Problem (400) for a file in UTF-16 or UTF-32, before the first entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

import msgspec

from gateway.http.body import decode_record
from gateway.http.explanations import explain_line
from gateway.http.problem import Fault, Problem
from gateway.recipients.line_layout import Layout, layout_of
from gateway.recipients.uniform_lines import QUICK
from gateway.screening.screening import AT_ONCE
from gateway.screening.types import Recipient
from schemas.values.encodings import BOM_UTF8, LOOKED_AT, describe_encoding, foreign_encoding

BLOCK = 8 * 1024
"""Bytes that are read and decoded at once: some hundred recipients."""
MAX_LINE = 64 * 1024
_BLANK = b" \t\r"
_DECODER = msgspec.json.Decoder(Recipient)
_TOO_LONG = Fault(pointer="", code="line_too_long", detail=f"a line has at most {MAX_LINE} bytes")

MISSES = 4
"""Blocks in a row whose lines are not all written alike, after which no layout is looked for any more."""

Entries = Sequence[Recipient | Fault]


def read_recipients(source: IO[bytes]) -> Iterator[Entries]:
    """The entries of all lines, some at a time."""
    beginning = source.read(LOOKED_AT)
    foreign = foreign_encoding(beginning)
    if foreign is not None:
        raise Problem(400, "bad_utf8", describe_encoding(foreign))
    blocks = _read_blocks(source, beginning.removeprefix(BOM_UTF8))
    # Trap: blank lines and a part of a long one are no entries, but others have their turn after them all the same.
    return (block[first : first + AT_ONCE] for block in blocks for first in range(0, len(block) or 1, AT_ONCE))


def _read_blocks(source: IO[bytes], rest: bytes) -> Iterator[Entries]:
    decode = LineDecoder().decode
    skipping = False
    while block := source.read(BLOCK):
        block, rest = rest + block, b""
        end = block.rfind(b"\n")
        if end < 0:
            skipping = skipping or len(block) > MAX_LINE
            rest = b"" if skipping else block
            if skipping:
                yield []
            continue
        if skipping:
            yield [_TOO_LONG]
            start = block.find(b"\n") + 1
            skipping = False
        else:
            start = 0
        if start <= end:
            yield decode(block[start:end])
        rest = block[end + 1 :]
        if len(rest) > MAX_LINE:
            rest, skipping = b"", True
    if skipping:
        yield [_TOO_LONG]
    elif rest:
        yield decode(rest)


class LineDecoder:
    """One entry for each line that is not blank. Lines that are written like one before them are read as columns."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._missed = 0 if QUICK else MISSES

    def decode(self, lines: bytes) -> Entries:
        """The entries of these lines, which have no newline at their end."""
        if self._missed == MISSES or len(lines) > MAX_LINE:
            return _decode(lines)
        columns = None if self._layout is None else self._layout.read(lines)
        if columns is None:
            self._missed += 1
            self._layout = layout_of(lines.partition(b"\n")[0])
            return _decode(lines)
        self._missed = 0
        return columns


def _decode(lines: bytes) -> Entries:
    number = lines.count(b"\n") + 1
    try:
        decoded = _DECODER.decode_lines(lines)
        if len(decoded) == number == _between_objects(lines) + 1 and (
            len(lines) <= MAX_LINE or max(map(len, lines.split(b"\n"))) <= MAX_LINE
        ):
            return list(decoded)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_each(lines)
    return _decode_each(lines)


def _decode_each(lines: bytes) -> Entries:
    return [_decode_line(line) for line in lines.split(b"\n") if line.strip(_BLANK)]


def _between_objects(lines: bytes) -> int:
    """How many newlines surely stand between two objects. Trap: the decoder of lines passes over blank ones, takes two
    objects on a line and one on two; as many objects as lines mean one on each only if every newline is such."""
    # Looking for one octet takes a tenth of looking for four.
    return lines.count(b"}\n{") + (lines.count(b"}\r\n{") if b"\r" in lines else 0)


def _decode_line(line: bytes) -> Recipient | Fault:
    if len(line) > MAX_LINE:
        return _TOO_LONG
    try:
        return decode_record(line, _DECODER)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        return explain_line(fault)
