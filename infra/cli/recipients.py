"""Recipients for an upload: NDJSON as it is, CSV turned into NDJSON, in blocks.

In: a binary stream (file or stdin) and what it holds. Out: blocks of about 64 KB of NDJSON lines, read as they are asked
for. CSV has a header: `to` is required, `client_ref` optional, every other column is a variable. Wrong: `Refusal` for a
CSV without `to`, with a column twice, not in UTF-8, or a row with another number of cells; what the lines say is the
gateway's to judge.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from infra.runtime.refusal import Refusal

BLOCK = 65_536


class _Rows(Protocol):
    """What `csv.reader` makes; `line_num` counts the lines read."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


def blocks_of(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """NDJSON blocks of this stream; `name` ends in .csv for CSV, else the first byte decides."""
    first = stream.read(BLOCK)
    if name.lower().endswith(".csv") or not first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        yield from _joined(csv_lines(io.TextIOWrapper(io.BufferedReader(_Resumed(first, stream)), encoding="utf-8-sig",
                                                    newline="")))
        return
    while first:
        yield first
        first = stream.read(BLOCK)


def csv_lines(text: Iterable[str]) -> Iterator[bytes]:
    """One JSON line for each row."""
    rows = csv.reader(text)
    try:
        yield from _lines(rows)
    except UnicodeDecodeError as fault:
        raise Refusal(f"after line {rows.line_num}: the recipients are no UTF-8", "save the file as UTF-8") from fault
    except csv.Error as fault:
        raise Refusal(f"line {rows.line_num}: {fault}", "give NDJSON lines, or CSV with a header row") from fault


def _lines(rows: _Rows) -> Iterator[bytes]:
    header = [name.strip() for name in next(rows, [])]
    if "to" not in header:
        raise Refusal("the recipients have no column `to`", "give NDJSON lines, or CSV with a header row")
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise Refusal(f"the column {twice[0]!r} stands there twice", "give each column its own name")
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise Refusal(f"line {rows.line_num} has {len(row)} cells, the header has {len(header)}", "mend that line")
        cells = dict(zip(header, row, strict=True))
        recipient: dict[str, object] = {"to": cells.pop("to")}
        reference = cells.pop("client_ref", "")
        if reference:
            recipient["client_ref"] = reference
        if cells:
            recipient["variables"] = cells
        yield json.dumps(recipient, ensure_ascii=False).encode() + b"\n"


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    block: list[bytes] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= BLOCK:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


class _Resumed(io.RawIOBase):
    """The bytes that were read already, then the rest of the stream."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        chunk = self._first[:len(view)] or self._rest.read(len(view))
        self._first = self._first[len(chunk):] if self._first else b""
        view[:len(chunk)] = chunk
        return len(chunk)
