"""How much of what waits is handled at once: so many records, or so many octets of them, whichever is less.

In: events that wait, the oldest first. Out: those of the next batch, taken out. Records of one topic differ by a factor of
a hundred in what they hold: few large ones fill a batch as well as many small ones. Nothing can go wrong.
"""

from __future__ import annotations

from collections import deque
from typing import Any

MOST_OCTETS = 1024 * 1024
"""Twenty thousand receipts or so."""


def next_batch(waiting: deque[Any], most: int, octets: int = MOST_OCTETS) -> list[Any]:
    """At most `most` events, and no further one once their records have so many octets; one in any case."""
    taken: list[Any] = []
    while waiting and len(taken) < most and octets > 0:
        octets -= len(waiting[0].message.value or b"")
        taken.append(waiting.popleft())
    return taken
