"""Recipients for an upload: the file's own bytes, in blocks, and the content type that says how they are to be read.

In: a binary stream (file or stdin) and its name. Out: the content type, and blocks of about 64 KB as they are asked for.
Nothing is judged here: the gateway is the only reader of rows and lines, so that a file gets the same verdicts on every way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from schemas.values.encodings import BOM_UTF8

BLOCK = 65_536
NDJSON = "application/x-ndjson"
CSV = "text/csv"


def content_of(stream: BinaryIO, name: str) -> tuple[str, Iterator[bytes]]:
    """`name` ends in .csv for a table, else the first character decides: a brace begins a line of JSON."""
    first = stream.read(BLOCK)
    is_lines = first.removeprefix(BOM_UTF8).lstrip().startswith(b"{") and not name.lower().endswith(".csv")
    return NDJSON if is_lines else CSV, _blocks(first, stream)


def _blocks(block: bytes, stream: BinaryIO) -> Iterator[bytes]:
    while block:
        yield block
        block = stream.read(BLOCK)
