"""Batches with outcomes that are not written yet, gathered so that those of a moment leave in one record.

In: queued batches. Out: `settle` for each, at most `LINGER_SECONDS` after the first was added. Nothing can go wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.dispatch.lane_queue import QueuedBatch

LINGER_SECONDS = 0.02


class SettleBuffer:
    """Of one sender. `add` starts no timer, so that a batch of results costs little: `flush_soon` does."""

    def __init__(self, settle: Callable[[QueuedBatch], None]) -> None:
        self._settle = settle
        self._queued_batches: set[QueuedBatch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.add = self._queued_batches.add
        self.discard = self._queued_batches.discard

    def flush_soon(self) -> None:
        """Settle before long what was added."""
        if self._queued_batches and self._timer is None:
            self._timer = self._loop.call_later(LINGER_SECONDS, self.flush)

    def flush(self) -> None:
        """Settle it now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        queued_batches = list(self._queued_batches)
        self._queued_batches.clear()
        for queued in queued_batches:
            self._settle(queued)
