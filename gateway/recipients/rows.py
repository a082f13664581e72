"""Rows of an upload: comma-separated values (RFC 4180) to recipients, in blocks, within a constant amount of memory.

Enters: a file of any size in UTF-8, with or without a byte order mark; lines end in LF or CRLF, the last one may lack its
end. The header names the columns: `to`, perhaps `client_ref`, all others are variables. Leaves: blocks of `Recipient`, or
of `Fault` where a row is no recipient; one entry a row, so that an index is a row's number below the header from 0. Empty
lines are no rows; a block may be empty. A Problem (422) for a header that cannot be used, before the first entry. Fields are
never trimmed; an empty one is an empty value of a variable, and no reference. A quotation that is not closed, or holds
what looks like another row, is a fault of the row that opens it alone: the lines behind are read again, each as a row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import IO

from gateway.http.fields import MAX_REF
from gateway.http.problem import Fault, Problem, refusal, refused
from gateway.recipients.lines import Entries
from gateway.recipients.row_lines import RowLines
from gateway.screening.screening import AT_ONCE
from gateway.screening.types import Recipient
from schemas.values.encodings import LOOKED_AT, describe_encoding, foreign_encoding

TURN = 16 * 1024
"""Characters after which others have their turn, however few rows they are."""
_BAD_CSV = Fault(
    pointer="", code="bad_csv", detail="a quotation mark or a carriage return stands where RFC 4180 allows none"
)
_TAKES_ALONG = Fault(
    pointer="", code="bad_csv", detail="a quotation holds lines that look like rows; perhaps a quotation mark is not closed"
)
_BAD_UTF8 = Fault(pointer="", code="bad_utf8", detail="the row is not UTF-8")
_LONG_REF = Fault(pointer="/client_ref", code="out_of_range", detail=f"a reference has at most {MAX_REF} characters")
_OTHER_SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}
# Trap: without the possessive `*+` a long run of spaces takes time by its square.
_NUMBER = re.compile(r"""(?:^|,)[ "]*+(?:\+|00)[ ().-]*+(?:\d[ ().-]*+){7,}+[ "]*+(?=,|\r?$)""", re.MULTILINE)
"""An international number between commas and line ends."""
_BARE_NUMBER = re.compile(r"""[ "]*+(?:\d[ ().-]*+){7,}+[ "\r]*+""")
"""One without a plus."""


def read_rows(source: IO[bytes]) -> Iterator[Entries]:
    """The entries of all rows, some at a time; the header has been read, and can be used, when this returns."""
    beginning = source.read(LOOKED_AT)
    foreign = foreign_encoding(beginning)
    if foreign is not None:
        raise refusal("/header", _BAD_UTF8.code, describe_encoding(foreign))
    feed = RowLines(source, beginning)
    reader = csv.reader(feed.lines(), strict=True)
    try:
        header = next(reader, [])
    except csv.Error:
        raise _wrong_separator(feed) or refusal("/header", _BAD_CSV.code, _BAD_CSV.detail) from None
    problem = _check_header(header, feed)
    if problem is not None:
        raise problem
    feed.end_row()
    return _blocks(_entries(reader, feed, _Columns(header)), feed)


def _check_header(header: list[str], feed: RowLines) -> Problem | None:
    if feed.fault is not None:
        return refusal("/header", feed.fault.code, feed.fault.detail)
    if not header:
        return refusal("/header", "missing_header", "the first line names the columns")
    if _is_damaged(header):
        return refusal("/header", _BAD_UTF8.code, "the header is not UTF-8")
    if "to" not in header and (problem := _wrong_separator(feed)) is not None:
        return problem
    faults = [fault for column, name in enumerate(header) for fault in _faults_of(column, name, header)]
    if "to" not in header:
        faults.append(
            Fault(
                pointer="/header",
                code="missing_column",
                detail="there is no column 'to'; the first line names the columns, with commas between them",
            )
        )
    return refused(faults) if faults else None


def _wrong_separator(feed: RowLines) -> Problem | None:
    """Spreadsheets of many countries write a semicolon for the comma."""
    line = feed.row[0].rstrip("\r\n")
    for mark, written in _OTHER_SEPARATORS.items():
        if mark in line and "to" in [cell.strip(' "').casefold() for cell in line.split(mark)]:
            detail = f"the file seems to be separated by {written}; save it with commas between the columns (CSV, RFC 4180)"
            return refusal("/header", "wrong_separator", detail)
    return None


def _faults_of(column: int, name: str, header: list[str]) -> Iterator[Fault]:
    pointer = f"/header/{column}"
    if not name:
        yield Fault(pointer=pointer, code="empty_column", detail=f"column {column + 1} has no name")
    # An ASCII identifier of Python's is exactly what a placeholder may be called.
    elif not (name.isascii() and name.isidentifier()):
        yield Fault(
            pointer=pointer,
            code="bad_column",
            detail=f"column {column + 1} is named {name[:60]!r}; a name is a letter or _, then letters, digits, _",
        )
    elif name in header[:column]:
        yield Fault(pointer=pointer, code="duplicate_column", detail=f"there are two columns {name[:60]!r}")


def _blocks(entries: Iterator[Recipient | Fault | None], feed: RowLines) -> Iterator[Entries]:
    block: list[Recipient | Fault] = []
    for entry in entries:
        if entry is not None:
            block.append(entry)
        if len(block) == AT_ONCE or feed.given > TURN:
            feed.given = 0
            yield block
            block = []
    if block:
        yield block


def _entries(reader: Iterator[list[str]], feed: RowLines, columns: _Columns) -> Iterator[Recipient | Fault | None]:
    """One for each row, None for an empty line. Trap: the reader begins afresh with the next line after a fault, so the
    loop is entered again."""
    while True:
        try:
            for row in reader:
                fault = feed.fault or (_TAKES_ALONG if len(feed.row) > 1 and columns.holds_rows(row) else None)
                if fault is not None:
                    feed.reread()
                    yield fault
                    continue
                feed.end_row()
                if not row:
                    yield None
                else:
                    yield _BAD_UTF8 if feed.damaged and _is_damaged(row) else columns.recipient(row)
        except csv.Error:
            feed.reread()
            yield _BAD_CSV
        else:
            return


class _Columns:
    """Where the header puts what."""

    def __init__(self, header: list[str]) -> None:
        self._width = len(header)
        self._place = header.index("to")
        self._names = list(header)
        self._to = self._pop("to")
        self._ref = self._pop("client_ref") if "client_ref" in header else None

    def _pop(self, name: str) -> int:
        place = self._names.index(name)
        del self._names[place]
        return place

    def holds_rows(self, row: list[str]) -> bool:
        """Whether a field of several lines has one that looks like a row of this table: there is a number in it where one
        would stand, or one with a plus anywhere between commas."""
        return any(_NUMBER.search(field) or any(map(self._is_row, field.split("\n"))) for field in row if "\n" in field)

    def _is_row(self, line: str) -> bool:
        cells = line.split(",")
        return len(cells) == self._width > 1 and _BARE_NUMBER.fullmatch(cells[self._place]) is not None

    def recipient(self, row: list[str]) -> Recipient | Fault:
        """The recipient in this row, which is used up."""
        if len(row) != self._width:
            return Fault(pointer="", code="field_count", detail=f"the row has {len(row)} fields, the header {self._width}")
        number = row.pop(self._to)
        reference = row.pop(self._ref) if self._ref is not None else ""
        if len(reference) > MAX_REF:
            return _LONG_REF
        return Recipient(to=number, client_ref=reference or None, variables=dict(zip(self._names, row, strict=True)))


def _is_damaged(row: list[str]) -> bool:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return True
    return False
