"""Unit tests touch no process and no socket: whoever tries fails, and belongs to `tests/component`.

In: nothing. Out: a guard around every test of this folder. Wrong: a test that starts a process, connects, listens or
resolves a name fails with what it tried.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

FORBIDDEN = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.fork",
        "os.forkpty",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
    }
)


class _Guard:
    """Whether a unit test is running, and what it tried."""

    def __init__(self) -> None:
        self.on = False
        self.tried: list[str] = []

    def __call__(self, event: str, arguments: object) -> None:
        if self.on and event in FORBIDDEN:
            self.tried.append(f"{event}{arguments}"[:200])
            raise PermissionError(f"a unit test may not: {event}; move it to tests/component")


_guard = _Guard()
sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def no_process_and_no_socket() -> Iterator[None]:
    """The guard, on for the time of one test."""
    _guard.tried.clear()
    _guard.on = True
    try:
        yield
    finally:
        _guard.on = False
    assert not _guard.tried, f"a unit test tried: {_guard.tried}; move it to tests/component"
