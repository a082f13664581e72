"""What the role `delay` has read of one partition and not passed on yet: how far to read, what is due, what to commit.

In: slices that wait, in the order of their offsets, and their rung. Out: those that are due, by time; the offset before
which everything is done; whether to read on. Times within a partition are nearly ascending (all of a rung wait equally long,
plus jitter), so whatever is unread is due no earlier than the newest that was read, less the jitter: reading so far ahead,
and no further, finds everything in time, and a rung of ten minutes keeps seconds of it in memory. Where these seconds are
too large for memory as well, reading stops at the bound, and what is behind it may be late; so may what settlement wrote
late, behind records that were in time. Pure; nothing can go wrong.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

from schemas.values.rungs import Rung

FAR, NEAR = 15.0, 8.0
"""Seconds. Nothing is read that cannot be due within `FAR`; reading goes on when that has become `NEAR`, early enough for a
client that takes its time. What waits ten seconds is always read at once."""
PARTITION_BYTES = 16_000_000
ALL_BYTES = 128_000_000
"""Of all partitions together; each may keep its share of it, however full the others are."""
RECORD_BYTES = 1_000
"""What a slice takes besides its value."""


class DelayedSlice(NamedTuple):
    """A slice that waits: when it is due (seconds of the steady clock), where it was read, what will be produced."""

    due: float
    offset: int
    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class WaitingPartition:
    """The slices of one partition that have not left yet, and which offset may be committed."""

    def __init__(self, rung: Rung) -> None:
        self.bytes = 0
        self._rung = rung
        self._heap: list[DelayedSlice] = []
        self._open: set[int] = set()
        self._next = -1
        self._read_to = -math.inf

    def enqueue(self, slice_: DelayedSlice, now: float) -> None:
        """A slice as read; offsets ascend. A clock that was wrong must not keep what is behind: no record that is there by
        now waits for longer than its rung."""
        self._open.add(slice_.offset)
        self.skip(slice_.offset)
        self._read_to = min(slice_.due - self._rung.jitter_ms / 1000, now + self._rung.wait_ms / 1000)
        self.put_back(slice_)

    def put_back(self, slice_: DelayedSlice) -> None:
        """A slice that was taken out and was not acknowledged."""
        heapq.heappush(self._heap, slice_)
        self.bytes += _size(slice_)

    def skip(self, offset: int) -> None:
        """A record that nothing waits for: it becomes a dead letter."""
        self._next = offset + 1

    def take_due(self, now: float) -> list[DelayedSlice]:
        """Take out what is due, by time."""
        out = []
        while self._heap and self._heap[0].due <= now:
            out.append(heapq.heappop(self._heap))
        self.bytes -= sum(map(_size, out))
        return out

    def done(self, offset: int) -> None:
        """This slice is acknowledged."""
        self._open.discard(offset)

    @property
    def committable(self) -> int:
        """The offset before which everything is done; -1 when nothing was read yet."""
        return min(self._open, default=self._next)

    @property
    def next_due(self) -> float:
        """When the next slice is due; infinite without any."""
        return self._heap[0].due if self._heap else math.inf

    def fullness(self, now: float, most_bytes: float) -> float:
        """1 and more: read no further; below a half: read on."""
        ahead = self._read_to - now
        return max(1.0 if ahead >= FAR else 0.5 if ahead >= NEAR else 0.0, self.bytes / most_bytes)


def most_bytes(taken: int, partitions: int) -> float:
    """What one of so many partitions may keep while all of them keep `taken`."""
    return PARTITION_BYTES if taken < ALL_BYTES else min(PARTITION_BYTES, ALL_BYTES / partitions)


def _size(slice_: DelayedSlice) -> int:
    return len(slice_.value) + RECORD_BYTES
