"""How many submits the simulated carrier has seen, and when: its log, read on as it grows.

In: the log. Out: counts, and the seconds from the first to the last of a number of submits. Wrong: they do not come in
time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from infra.bench.log_tail import LogTail
from infra.runtime.refusal import Refusal

LOOK_SECONDS = 0.05
ARRIVAL_SECONDS = 60.0


class ArrivalCount:
    """Counts from what the log held when this was made."""

    def __init__(self, log: Path) -> None:
        self._log = LogTail(log, skip=True)
        self._times: list[float] = []

    def look(self) -> int:
        """How many until now."""
        self._times += [float(line[: line.index(b",")]) for line in self._log.new_lines()]
        return len(self._times)

    async def all_of(self, count: int, seconds: float = ARRIVAL_SECONDS) -> float:
        """Seconds from the first to the last of `count` submits, once they are there."""
        until = time.monotonic() + seconds
        while self.look() < count:
            if time.monotonic() > until:
                raise Refusal(
                    f"{len(self._times)} of {count} messages came to the carrier in {seconds:.0f} s", "see DATA/logs"
                )
            await asyncio.sleep(LOOK_SECONDS)
        return self._times[count - 1] - self._times[0] if count else 0.0
