"""Logs that stay bounded: one that has grown too large is kept once as `<name>.log.1`, and begun anew.

In: files that running processes append to. Out: for each at most two files, of about `MOST_BYTES` each and of what is
written between two looks. Who writes holds the file open (O_APPEND) and learns nothing of it, so the file is copied, then
cut to nothing where it stands. What is written between the last copied byte and the cut is lost: microseconds, in which a
line half written is not taken for whole. Wrong: no room for the copy, no right to write: OSError, and the log is as it was.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.runtime.private_files import FILE_MODE

MOST_BYTES = 20_000_000
LOOK_SECONDS = 5.0
_BLOCK = 1 << 20
_TRIES = 50
_HALF_LINE_SECONDS = 0.001


async def keep_bounded(
    logs: Callable[[], Iterable[Path]], tell: Callable[[str], None], *, most: int | None = None, seconds: float | None = None
) -> None:
    """Look at these logs every few `seconds`, until canceled. What cannot be done is told once a file."""
    told: set[Path] = set()
    while True:
        for log in logs():
            try:
                await asyncio.to_thread(bound, log, MOST_BYTES if most is None else most)
                told.discard(log)
            except OSError as fault:
                if log not in told:
                    told.add(log)
                    tell(f"cannot keep {log} from growing: {fault.strerror}")
        await asyncio.sleep(LOOK_SECONDS if seconds is None else seconds)


def bound(log: Path, most: int) -> bool:
    """Whether this log had more than `most` bytes and is begun anew. Raises OSError."""
    try:
        if log.stat().st_size <= most:
            return False
    except FileNotFoundError:
        return False
    old = log.with_name(f"{log.name}.1")
    fresh = log.with_name(f".{old.name}.new")
    try:
        _move_content(log, fresh)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(old)
    return True


def _move_content(log: Path, fresh: Path) -> None:
    """Copy what the log holds, its newest lines last, then cut it."""
    source = os.open(log, os.O_RDWR)
    try:
        target = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        try:
            last = _copy_rest(source, target)
            for _ in range(_TRIES):
                if last == b"\n" and os.fstat(source).st_size == os.lseek(source, 0, os.SEEK_CUR):
                    break
                # The rest of a line comes at once, unless its writer has died in the middle of it.
                time.sleep(0 if last == b"\n" else _HALF_LINE_SECONDS)
                last = _copy_rest(source, target) or last
            os.ftruncate(source, 0)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _copy_rest(source: int, target: int) -> bytes:
    """Copy up to the present end; the last byte copied."""
    last = b""
    while block := os.read(source, _BLOCK):
        last = block[-1:]
        left = memoryview(block)
        while left:
            left = left[os.write(target, left) :]
    return last
