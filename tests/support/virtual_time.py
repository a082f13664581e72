"""A loop whose clock jumps to the next timer once nothing else is due: waiting costs nothing and takes exactly its time.

In: nothing. Out: the loop. For code that waits on the loop alone: a thread or a socket that it waits for
would see time run away.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class _NoWaiting:
    """A selector that never waits and says how long it would have."""

    def __init__(self, skipped: Callable[[float], None]) -> None:
        self._selector = selectors.DefaultSelector()
        self._skipped = skipped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._selector.select(0)
        if timeout is None and not ready:
            raise RuntimeError("nothing on this loop will ever happen: what is waited for has no timer")
        if timeout and not ready:
            self._skipped(timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time` begins at the real one and goes on only while something waits."""

    def __init__(self) -> None:
        super().__init__(_NoWaiting(self._skip))  # type: ignore[arg-type]
        self._now = super().time()

    def time(self) -> float:
        """Seconds."""
        return self._now

    def _skip(self, seconds: float) -> None:
        # Timers that are due within the clock's resolution run in the same turn.
        self._now += seconds
