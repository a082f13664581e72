"""Which records of a partition of `dispatch-<lane>` are done, and where in the log of calls the others begin.

In: offsets as they are read, positions as they are settled, log offsets as they are acknowledged. Out: the offset that may
be committed, and the smallest log offset that a later owner must read back from. Knows no Kafka. Nothing can go wrong.
"""

from __future__ import annotations


class OffsetTracker:
    """How many positions each record still waits for, and the first record of the log that speaks of it."""

    def __init__(self, begin: int) -> None:
        self._next = begin
        self._open: dict[int, int] = {}  # by offset, ascending
        self._first_log_offset: dict[int, int] = {}

    def track(self, offset: int, count: int) -> None:
        """A record was read, with so many open positions; 0 when it is done already."""
        self._next = offset + 1
        if count:
            self._open[offset] = count
        else:
            self._first_log_offset.pop(offset, None)

    def note_log_offset(self, offset: int, log_offset: int) -> None:
        """The log has a record about this dispatch offset at `log_offset`."""
        if offset in self._open or offset >= self._next:
            self._first_log_offset[offset] = min(log_offset, self._first_log_offset.get(offset, log_offset))

    def settle(self, offset: int, count: int) -> None:
        """So many positions of this record are settled or handed back, and the log has acknowledged it."""
        left = self._open.get(offset, 0) - count
        if left > 0:
            self._open[offset] = left
        else:
            self._open.pop(offset, None)
            self._first_log_offset.pop(offset, None)

    @property
    def next_offset(self) -> int:
        """The offset of the next record to be read."""
        return self._next

    @property
    def open_positions(self) -> int:
        """How many positions are not done yet."""
        return sum(self._open.values())

    def committable(self, log_next: int) -> tuple[int, int]:
        """(the offset before which all is done, the log offset where a later owner begins to read back).

        `log_next`: the offset that the next record of the log will get; what is not acknowledged yet comes there or later.
        """
        log_offsets = [
            log_offset
            for offset, log_offset in self._first_log_offset.items()
            if offset in self._open or offset >= self._next
        ]
        return next(iter(self._open), self._next), min(log_offsets, default=log_next)
