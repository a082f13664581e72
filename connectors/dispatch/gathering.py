"""Loads with answers that are not written yet, so that those of a moment leave in one record.

In: loads. Out: `settle` for each, at most `GATHER_SECONDS` after the first was added. Nothing can go wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.dispatch.batch_queue import QueuedBatch

GATHER_SECONDS = 0.02


class Gathering:
    """Of one sender. `add` alone starts no clock, so that a batch of results costs little: `soon` does."""

    def __init__(self, settle: Callable[[QueuedBatch], None]) -> None:
        self._settle = settle
        self._works: set[QueuedBatch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.add = self._works.add
        self.discard = self._works.discard

    def soon(self) -> None:
        """Write before long what was added."""
        if self._works and self._timer is None:
            self._timer = self._loop.call_later(GATHER_SECONDS, self.flush)

    def flush(self) -> None:
        """Write it now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        works = list(self._works)
        self._works.clear()
        for work in works:
            self._settle(work)
