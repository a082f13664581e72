"""The rungs of the ladder: how long what was refused for the moment waits in a topic before it is tried again.

In: nothing. Out: each rung's name (part of a topic's), its wait, and its jitter: what is added of chunk and send number, so
that what failed together does not come back together. Whatever waits longer than the last rung is a row of the waiting room.
Nothing can go wrong.
"""

from __future__ import annotations

from enum import StrEnum


class Rung(StrEnum):
    """Name, wait and most jitter (milliseconds); shortest first. The topics are named so for ever."""

    wait_ms: int
    jitter_ms: int

    def __new__(cls, name: str, wait_ms: int, jitter_ms: int) -> Rung:
        rung = str.__new__(cls, name)
        rung._value_ = name
        rung.wait_ms, rung.jitter_ms = wait_ms, jitter_ms
        return rung

    TEN_SECONDS = "10s", 10_000, 2_000
    ONE_MINUTE = "1m", 60_000, 5_000
    TEN_MINUTES = "10m", 600_000, 10_000
