"""Lines of an upload: newline-delimited JSON to recipients, in blocks, within a constant amount of memory.

Enters: a file of any size. Leaves: blocks of `Recipient`, or of `Fault` where a line is no recipient; one entry a line, in
their order, so that an index is a line's number from 0. A last newline is optional. A line longer than 64 kB is one fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import msgspec

from gateway.body import decode_record, explain_line
from gateway.problem import Fault
from gateway.requests import Recipient

BLOCK = 8 * 1024
"""Bytes that are read and decoded at once: some hundred recipients."""
AT_ONCE = 170
"""Entries between two turns of everybody else: a fifth of a millisecond, or four where every number must be asked about."""
MAX_LINE = 64 * 1024
_DECODER = msgspec.json.Decoder(Recipient)
_TOO_LONG = Fault(pointer="", code="line_too_long", detail=f"a line has at most {MAX_LINE} bytes")

Entries = list[Recipient | Fault]


def read_recipients(source: IO[bytes]) -> Iterator[Entries]:
    """The entries of all lines, some at a time."""
    return (block[first:first + AT_ONCE] for block in _read_blocks(source) for first in range(0, len(block), AT_ONCE))


def _read_blocks(source: IO[bytes]) -> Iterator[Entries]:
    rest, skipping = b"", False
    while block := source.read(BLOCK):
        end = block.rfind(b"\n")
        if end < 0:
            rest = b"" if skipping else rest + block
            skipping = skipping or len(rest) > MAX_LINE
            rest = b"" if skipping else rest
            continue
        whole = rest + block[:end]
        if skipping:
            yield [_TOO_LONG]
            whole = whole[whole.find(b"\n") + 1 :] if b"\n" in whole else b""
            skipping = False
            if whole or b"\n" in block[:end]:
                yield _decode(whole)
        else:
            yield _decode(whole)
        rest = block[end + 1 :]
        if len(rest) > MAX_LINE:
            rest, skipping = b"", True
    if skipping:
        yield [_TOO_LONG]
    elif rest:
        yield _decode(rest)


def _decode(lines: bytes) -> Entries:
    """One entry for each of these lines, which have no newline at their end."""
    number = lines.count(b"\n") + 1
    try:
        decoded = _DECODER.decode_lines(lines)
        if len(decoded) == number == _between_objects(lines) + 1 and (
                len(lines) <= MAX_LINE or max(map(len, lines.split(b"\n"))) <= MAX_LINE):
            return list(decoded)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [_decode_line(line) for line in lines.split(b"\n")]
    return [_decode_line(line) for line in lines.split(b"\n")]


def _between_objects(lines: bytes) -> int:
    """How many newlines surely stand between two objects. Trap: the decoder of lines passes over blank ones, takes two
    objects on a line and one on two; as many objects as lines mean one on each only if every newline is such."""
    return lines.count(b"}\n{") + lines.count(b"}\r\n{")


def _decode_line(line: bytes) -> Recipient | Fault:
    if len(line) > MAX_LINE:
        return _TOO_LONG
    try:
        return decode_record(line, _DECODER)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        return explain_line(fault)
