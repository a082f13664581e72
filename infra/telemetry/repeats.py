"""What is said again and again, once in ten seconds, with the number of times that it was left out.

In: kinds of sentences, from any thread. Out: whether to say one now. Nothing raises: it is asked inside libraries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

QUIET_SECONDS = 10.0
_MOST_KINDS = 256


class Repeats:
    """`left_out` of each kind. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[Hashable, tuple[float, int]] = {}

    def left_out(self, kind: Hashable) -> int | None:
        """How many of this kind were left out before this one; None: it is left out too."""
        now = self._clock()
        with self._lock:
            said_at, left_out = self._said.get(kind, (now - QUIET_SECONDS, 0))
            if now - said_at < QUIET_SECONDS:
                self._said[kind] = (said_at, left_out + 1)
                return None
            if len(self._said) >= _MOST_KINDS:
                self._said = {k: v for k, v in self._said.items() if v[1] or now - v[0] < QUIET_SECONDS}
            self._said[kind] = (now, 0)
            return left_out
