"""The carrier's log as it grows.

In: its path, which need not be there yet. Out: whole lines since the last look.
"""

from __future__ import annotations

from pathlib import Path


class LogTail:
    """Reads on from where the last look ended; `skip`: from what the log holds when this is made."""

    def __init__(self, log: Path, *, skip: bool = False) -> None:
        self._log = log
        self._read = log.stat().st_size if skip and log.exists() else 0
        self._rest = b""

    def new_lines(self) -> list[bytes]:
        """Those that are complete."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as lines:
            lines.seek(self._read)
            new = lines.read()
        self._read += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        return whole
