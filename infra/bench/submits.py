"""How long messages took from their call to their first submit, from the simulator's log.

In: the log, what was sent. Out: seconds, one a message. Wrong: messages that are not in the log in time: `Refusal`.
"""

from __future__ import annotations

import asyncio
import csv
import time
from pathlib import Path

from infra.bench.load import Load
from infra.runtime.refusal import Refusal

SETTLE_SECONDS = 60.0


async def submitted(log: Path, load: Load) -> list[float]:
    """Seconds from the call to the first submit of each message, once all are in the log."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        seen = await asyncio.to_thread(first_submits, log)
        missing = sum(1 for to in load.accepted if to not in seen)
        if not missing:
            return [max(0.0, seen[to] - called) for to, (called, _) in load.accepted.items()]
        if time.monotonic() > until:
            raise Refusal(f"{missing} messages were not submitted within {SETTLE_SECONDS:.0f} s", "see DATA/logs")
        await asyncio.sleep(0.3)


def first_submits(log: Path) -> dict[str, float]:
    """When each destination was first submitted, from the simulator's CSV log (time, bind, destination, ...)."""
    seen: dict[str, float] = {}
    with log.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines):
            if len(row) > 2:
                seen.setdefault(row[2], float(row[0]))
    return seen
