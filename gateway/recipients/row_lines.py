"""Lines for the reader of a table, so that no row grows without bound and no open quotation takes the rows behind it along.

Enters: a file. Leaves: text, line by line with its end. A row may span `MAX_LINES` lines and `MAX_ROW` characters; what
goes beyond that, or has a quotation open at the end of the file, comes out as a row that is nothing, with `fault` saying
why. Whoever takes the rows calls `end_row` after each, or `reread`, which gives all lines of the row but its first again,
each of which may begin a row. A hostile file is thus read at most `MAX_LINES` times.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from itertools import chain
from typing import IO

from gateway.http.problem import Fault
from gateway.recipients.lines import BLOCK
from schemas.values.encodings import BOM_UTF8

MAX_ROW = 64 * 1024
"""Characters of a row, with its quotation marks, commas and line ends."""
MAX_LINES = 100
"""Lines that a row may span; no text that can be sent needs as many."""
MAX_LINE_BYTES = 4 * MAX_ROW
TOO_LONG = Fault(
    pointer="",
    code="row_too_long",
    detail=f"a row has at most {MAX_ROW} characters and {MAX_LINES} lines; is a quotation mark not closed?",
)
NOT_CLOSED = Fault(pointer="", code="bad_csv", detail="a quotation mark is not closed")
_LONG_LINE = "x" * (MAX_ROW + 1) + "\n"


class RowLines:
    """`row`: the lines given since the row began; `given`: characters given since whoever sets it to 0 did so; `damaged`:
    there are bytes that are no UTF-8, which stand in the text as half surrogate pairs."""

    def __init__(self, source: IO[bytes], beginning: bytes) -> None:
        self._source = source
        self._beginning = beginning.removeprefix(BOM_UTF8)
        self._again: list[str] = []
        self._used = 0
        self.row: list[str] = []
        self.given = 0
        self.fault: Fault | None = None
        self.damaged = False

    def end_row(self) -> None:
        """The next line begins a row."""
        self.row.clear()
        self.given += self._used
        self._used = 0
        self.fault = None

    def reread(self) -> None:
        """So does each of those that came after the first of this row."""
        self._again += reversed(self.row[1:])
        self.end_row()

    def lines(self) -> Iterator[str]:
        """All lines, some of them more than once."""
        row, again = self.row, self._again
        fresh = chain.from_iterable(StringIO(text, newline="\n") for text in self._texts())
        while True:
            line = again.pop() if again else next(fresh, None)
            # The reader asks in the middle of a row only between two quotation marks.
            if line is None and not row:
                return
            self.fault = self._look_at(line)
            if self.fault is None:
                yield line  # type: ignore[misc]
            else:
                yield '"\n' if len(row) > 1 or line is None else "\n"

    def _look_at(self, line: str | None) -> Fault | None:
        if line is None:
            return NOT_CLOSED
        self.row.append(line)
        self._used += len(line)
        return TOO_LONG if self._used > MAX_ROW or len(self.row) > MAX_LINES else None

    def _texts(self) -> Iterator[str]:
        """Whole lines, many at a time. Of one beyond any bound only its being too long is kept."""
        rest, skipping = self._beginning, False
        while block := self._source.read(BLOCK):
            rest += block
            end = rest.rfind(b"\n") + 1
            if skipping:
                # An empty line for each block, and the block counted, so that others have their turn.
                self.given += len(block)
                yield "\n"
                skipping, start = not end, rest.find(b"\n") + 1
                rest, end = rest[start:] if end else b"", end - start
            if end > 0:
                yield self._decode(rest[:end])
                rest = rest[end:]
            elif len(rest) > MAX_LINE_BYTES:
                rest, skipping = b"", True
                yield _LONG_LINE
        if rest:
            yield self._decode(rest)

    def _decode(self, lines: bytes) -> str:
        try:
            return lines.decode()
        except UnicodeDecodeError:
            self.damaged = True
            return lines.decode(errors="surrogateescape")
