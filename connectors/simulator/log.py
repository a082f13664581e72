"""The simulator's own record of what it got: the truth that tests compare with, number by number.

In: one line a submit. Out: a CSV file, appended to, with the columns of `COLUMNS`; the text itself is not written.
Lines are handed to the system before the answers of the same batch are, so that nothing answered can be missing, even
after a kill of the process. It holds telephone numbers in clear: it belongs to a simulator and to nothing else.
Raises OSError when the file cannot be written.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

COLUMNS = ("time", "bind", "destination", "source", "reference", "total", "sequence", "octets", "id", "status")
_HARMLESS = bytes.maketrans(b',"\r\n', b"____")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One submit_sm. `octets`: length of the text without header; `id` is '' unless `status` is 0."""

    time: float
    bind: int
    destination: str
    source: str
    reference: int
    total: int
    sequence: int
    octets: int
    id: str
    status: int


class SubmitLog:
    """Appends to `path`; with None nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self.on = path is not None
        self._lines: list[bytes] = []
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path else -1

    def add(self, lines: Iterable[bytes]) -> None:
        """Remember these lines, one a submit, until `flush`."""
        self._lines += lines

    def flush(self) -> None:
        """Hand over to the system, all of it."""
        if not self._lines:
            return
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        if self._file >= 0:
            self.flush()
            os.close(self._file)
            self._file, self.on = -1, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def stamp(time: float, bind: int) -> bytes:
    """How the lines of one read begin."""
    return b"%.3f,%d," % (time, bind)


def middle(source: bytes, part: tuple[int, int, int]) -> bytes:
    """What stands between destination and octets; `part`: reference, total, sequence. Commas, quotes and line ends in the
    sender become '_'."""
    if not source.isalnum():
        source = source.translate(_HARMLESS).decode("latin-1").encode()
    return b",%b,%d,%d,%d," % (source, *part)


def line(stamp: bytes, destination: bytes, middle: bytes, octets: int, message_id: bytes, status: int) -> bytes:
    """One submit."""
    if not destination.isascii():
        destination = destination.decode("latin-1").encode()
    return b"%b%b%b%d,%b,%d\n" % (stamp, destination, middle, octets, message_id, status)


def read_log(path: Path) -> list[Entry]:
    """All entries of a log; a last line that is cut short (the process was killed while writing) is left out."""
    entries = []
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        fields = dict(zip(COLUMNS, line.split(","), strict=True))
        entries.append(msgspec.convert(fields, Entry, strict=False))
    return entries
