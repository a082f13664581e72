"""Recipients for an upload: the file's own bytes, in blocks, and the content type that says how they are to be read.

In: a binary stream (file or stdin) and its name. Out: the content type, and blocks of about 64 KB as they are asked for,
with a bar on a terminal. Nothing is judged here: the gateway is the only reader of rows and lines, so that a file gets the
same verdicts on every way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from infra.runtime.console import tell
from infra.runtime.refusal import Refusal
from schemas.values.encodings import BOM_UTF8

BLOCK = 65_536
NDJSON = "application/x-ndjson"
CSV = "text/csv"


def content_of(stream: IO[bytes], name: str) -> tuple[str, Iterator[bytes]]:
    """`name` ends in .csv for a table, else the first character decides: a brace begins a line of JSON."""
    first = stream.read(BLOCK)
    is_lines = first.removeprefix(BOM_UTF8).lstrip().startswith(b"{") and not name.lower().endswith(".csv")
    return NDJSON if is_lines else CSV, _blocks(first, stream)


def with_progress(blocks: Iterator[bytes], total: int | None, doing: str = "uploading") -> Iterator[bytes]:
    """The blocks, with a bar on a terminal's stderr. `total` in bytes, None = not known."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from blocks
        return
    columns = (TextColumn(doing), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(doing, total=total)
        for block in blocks:
            yield block
            progress.advance(task, len(block))


def opened(path: Path) -> BinaryIO:
    """The file, or standard input for -. Raises Refusal."""
    if str(path) == "-":
        if sys.stdin.isatty():
            tell("reading recipients from the terminal; end with Ctrl-D")
        return sys.stdin.buffer
    try:
        return path.open("rb")
    except OSError as fault:
        raise Refusal(f"cannot read {path}: {fault.strerror}", "give a file with recipients, or - for stdin") from fault


def size_of(path: Path) -> int | None:
    """Bytes of the file; None for standard input."""
    return None if str(path) == "-" else path.stat().st_size


def _blocks(block: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    while block:
        yield block
        block = stream.read(BLOCK)
