"""How often the releaser looks: often while something goes on, else seldom, and at once when PostgreSQL tells of something.

In: that something goes on or was told (`quicken`), or will be due (`remind`). Out: pauses. A pause that is cut short or
lasts too long changes nothing but the time: whatever is to be done stands in PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LIVELY_SECONDS = 2.0
"""So long after the last event pauses are short: one thing leads to the next, and not all of them are told."""
IDLE_SECONDS = 1.0


class Pace:
    """One for all loops of the role. `clock`: seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lively_until = clock() + LIVELY_SECONDS
        self._quickened = asyncio.Event()
        self._ended = asyncio.Event()
        self._reminder: asyncio.TimerHandle | None = None

    @property
    def lively(self) -> bool:
        """Whether something went on lately."""
        return self._clock() < self._lively_until

    def quicken(self) -> None:
        """Something goes on, or may: end the pauses that began in idleness, and make the next ones short."""
        idle, self._lively_until = not self.lively, self._clock() + LIVELY_SECONDS
        if idle:
            self._quickened.set()
            self._quickened = asyncio.Event()

    def remind(self, seconds: float) -> None:
        """Something will be due then: `quicken`. The last one counts."""
        if self._reminder is not None:
            self._reminder.cancel()
        self._reminder = asyncio.get_running_loop().call_later(max(seconds, 0.0), self.quicken)

    def end(self) -> None:
        """No pause lasts any longer."""
        self._ended.set()
        self._quickened.set()

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`; for `IDLE_SECONDS` if that is longer and nothing goes on, or until something does."""
        if self._ended.is_set():
            return
        end, seconds = (self._ended, seconds) if self.lively else (self._quickened, max(seconds, IDLE_SECONDS))
        try:
            await asyncio.wait_for(end.wait(), seconds)
        except TimeoutError:
            return
