"""Rows of an upload: comma-separated values (RFC 4180) to recipients, in blocks, within a constant amount of memory.

Enters: a file of any size in UTF-8, with or without a byte order mark; lines end in LF or CRLF, the last one may lack its
end. The header names the columns: `to`, perhaps `client_ref`, all others are variables. Leaves: blocks of `Recipient`, or
of `Fault` where a row is no recipient; one entry a row, so that an index is a row's number below the header from 0. Empty
lines are no rows. A Problem (422) for a header that cannot be used, before the first entry. Fields are never trimmed; an
empty one is an empty value of a variable, and no reference.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator
from io import StringIO
from typing import IO

from gateway.problem import Fault, Problem, refusal, refused
from gateway.recipient_lines import AT_ONCE, BLOCK, Entries
from gateway.requests import MAX_REF, Recipient

MAX_ROW = 64 * 1024
"""Characters of a row, with its quotation marks, commas and line ends."""
MAX_LINE_BYTES = 4 * MAX_ROW
_TOO_LONG = Fault(pointer="", code="row_too_long",
                  detail=f"a row has at most {MAX_ROW} characters; perhaps a quotation mark is never closed")
_BAD_CSV = Fault(pointer="", code="bad_csv",
                 detail="a quotation mark or a carriage return stands where RFC 4180 allows none")
_BAD_UTF8 = Fault(pointer="", code="bad_utf8", detail="the row is not UTF-8")
_LONG_REF = Fault(pointer="/client_ref", code="out_of_range", detail=f"a reference has at most {MAX_REF} characters")


def read_rows(source: IO[bytes]) -> Iterator[Entries]:
    """The entries of all rows, some at a time; the header has been read, and can be used, when this returns."""
    feed = _Feed(source)
    reader = csv.reader(feed.lines(), strict=True)
    try:
        header = next(reader, [])
    except csv.Error:
        raise refusal("/header", _BAD_CSV.code, _BAD_CSV.detail) from None
    problem = _check_header(header, feed)
    if problem is not None:
        raise problem
    feed.used = 0
    return _blocks(_entries(reader, feed, header))


def _check_header(header: list[str], feed: _Feed) -> Problem | None:
    if feed.too_long:
        return refusal("/header", _TOO_LONG.code, _TOO_LONG.detail)
    if not header:
        return refusal("/header", "missing_header", "the first line names the columns")
    if _is_damaged(header):
        return refusal("/header", _BAD_UTF8.code, "the header is not UTF-8")
    faults = [fault for column, name in enumerate(header) for fault in _faults_of(column, name, header)]
    if "to" not in header:
        faults.append(Fault(pointer="/header", code="missing_column",
                            detail="there is no column 'to'; the first line names the columns, with commas between them"))
    return refused(faults) if faults else None


def _faults_of(column: int, name: str, header: list[str]) -> Iterator[Fault]:
    pointer = f"/header/{column}"
    if not name:
        yield Fault(pointer=pointer, code="empty_column", detail=f"column {column + 1} has no name")
    # An ASCII identifier of Python's is exactly what a placeholder may be called.
    elif not (name.isascii() and name.isidentifier()):
        yield Fault(pointer=pointer, code="bad_column",
                    detail=f"column {column + 1} is named {name[:60]!r}; a name is a letter or _, then letters, digits, _")
    elif name in header[:column]:
        yield Fault(pointer=pointer, code="duplicate_column", detail=f"there are two columns {name[:60]!r}")


def _blocks(entries: Iterator[Recipient | Fault]) -> Iterator[Entries]:
    block: Entries = []
    for entry in entries:
        block.append(entry)
        if len(block) == AT_ONCE:
            yield block
            block = []
    if block:
        yield block


def _entries(reader: Iterator[list[str]], feed: _Feed, header: list[str]) -> Iterator[Recipient | Fault]:
    """One for each row. Trap: the reader begins afresh with the next line after a fault, so the loop is entered again."""
    columns = _Columns(header)
    while True:
        try:
            for row in reader:
                feed.used = 0
                if feed.too_long:
                    feed.too_long = False
                    yield _TOO_LONG
                elif row:
                    yield _BAD_UTF8 if feed.damaged and _is_damaged(row) else columns.recipient(row)
        except csv.Error:
            feed.used = 0
            yield _BAD_CSV
        else:
            return


class _Columns:
    """Where the header puts what."""

    def __init__(self, header: list[str]) -> None:
        self._width = len(header)
        self._names = list(header)
        self._to = self._take("to")
        self._ref = self._take("client_ref") if "client_ref" in header else None

    def _take(self, name: str) -> int:
        place = self._names.index(name)
        del self._names[place]
        return place

    def recipient(self, row: list[str]) -> Recipient | Fault:
        """The recipient in this row, which is used up."""
        if len(row) != self._width:
            return Fault(pointer="", code="field_count", detail=f"the row has {len(row)} fields, the header {self._width}")
        number = row.pop(self._to)
        reference = row.pop(self._ref) if self._ref is not None else ""
        if len(reference) > MAX_REF:
            return _LONG_REF
        return Recipient(to=number, client_ref=reference or None, variables=dict(zip(self._names, row, strict=True)))


class _Feed:
    """Lines for the reader. `used`: characters given since the row began, which whoever takes the rows sets to 0;
    `too_long`: the row that comes next stands for one that was too long; `damaged`: there are bytes that are no UTF-8."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.used = 0
        self.too_long = False
        self.damaged = False

    def lines(self) -> Iterator[str]:
        """Text, line by line with its end, so that no row grows beyond `MAX_ROW`."""
        lines = (line for text in self._texts() for line in StringIO(text, newline="\n"))
        for line in lines:
            # The reader asks in the middle of a row only between two quotation marks.
            begun = opened = self.used > 0
            self.used += len(line)
            if self.used <= MAX_ROW:
                yield line
                continue
            while _toggles(line) != opened:
                opened, line = True, next(lines, '"')
            self.too_long = True
            yield '"\n' if begun else "\n"

    def _texts(self) -> Iterator[str]:
        """Whole lines, many at a time. Of one beyond any bound only its being too long is kept, and an open quotation."""
        rest = self._source.read(len(BOM_UTF8)).removeprefix(BOM_UTF8)
        while block := self._source.read(BLOCK):
            rest += block
            end = rest.rfind(b"\n") + 1
            if end:
                yield self._decode(rest[:end])
                rest = rest[end:]
            elif len(rest) > MAX_LINE_BYTES:
                rest = b"x" * (MAX_ROW + 1) + (b'"' if _toggles(rest) else b"")
        if rest:
            yield self._decode(rest)

    def _decode(self, lines: bytes) -> str:
        try:
            return lines.decode()
        except UnicodeDecodeError:
            self.damaged = True
            return lines.decode(errors="surrogateescape")


def _toggles(text: str | bytes) -> bool:
    """Whether a quotation that is open before this is closed after it, and the other way round."""
    marks = text.count('"') if isinstance(text, str) else text.count(b'"')
    return marks % 2 == 1


def _is_damaged(row: list[str]) -> bool:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return True
    return False
