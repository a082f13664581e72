"""The time of day for whatever goes by it, guarded against a clock that is put forward.

In: the wall clock, and one that nobody sets and that counts while the machine sleeps. Out: milliseconds since 1970. When the
wall clock leaps ahead of the other by more than ten seconds, time runs on as before for five minutes, and the leap is
logged: a wrong clock must not send at once what is due within the next hour, and somebody has the time to set it right.
After that the new time is believed. A clock that is put back is believed at once: whatever is due then is late, not early.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

LEAP_MS = 10_000
DOUBT_MS = 300_000
log = structlog.get_logger()


def wall_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Milliseconds since some moment; where the system has such a clock, the machine's sleep counts."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class GuardedClock:
    """One for a process; `now` may be asked as often as one likes."""

    def __init__(self, wall: Callable[[], int] = wall_ms, steady: Callable[[], int] = steady_ms) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = wall() - steady()
        self._doubted_since: int | None = None

    def now(self) -> int:
        """Milliseconds since 1970."""
        wall, steady = self._wall(), self._steady()
        if wall - steady - self._ahead <= LEAP_MS:
            self._doubted_since = None
        elif self._doubted_since is None:
            self._doubted_since = steady
            log.warning(
                "the clock was put forward; what goes by time goes by the old one for five minutes",
                action="clock_leap",
                seconds=(wall - steady - self._ahead) // 1000,
            )
            return steady + self._ahead
        elif steady - self._doubted_since < DOUBT_MS:
            return steady + self._ahead
        else:
            self._doubted_since = None
        self._ahead = wall - steady
        return wall
