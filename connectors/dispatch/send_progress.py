"""What stands where: which positions of which send this owner knows, and which dispatch offsets are done.

In: slices as they are read, answers as they are acknowledged. Out: the positions of a slice that stand nowhere yet; the
offset that may be committed, and the smallest place in the log of calls that a later owner must read back from. Nothing
here knows Kafka. A position that was taken up once is never given out again as long as its row is remembered; rows are
forgotten, the oldest first, only when nothing of them is open.
"""

from __future__ import annotations

from collections import OrderedDict

SendKey = tuple[str, int]
"""(chunk, send number)."""


class SendProgress:
    """Positions by (chunk, send): waiting, in flight and done alike, for a further slice they all stand somewhere."""

    def __init__(self, remembered: int = 50_000) -> None:
        self._remembered = remembered
        self._known: OrderedDict[SendKey, int] = OrderedDict()
        self._open: dict[SendKey, int] = {}

    def known(self, send_key: SendKey) -> int:
        """Positions of this row that stand somewhere."""
        return self._known.get(send_key, 0)

    def mark(self, send_key: SendKey, positions: int) -> None:
        """These positions stand somewhere already (settled before, or shown as started elsewhere)."""
        self._known[send_key] = self._known.pop(send_key, 0) | positions
        self._forget()

    def claim(self, send_key: SendKey, positions: int) -> int:
        """Of these the ones that stand nowhere; they are open from now on."""
        known = self._known.pop(send_key, 0)
        claimed = positions & ~known
        self._known[send_key] = known | claimed
        if claimed:
            self._open[send_key] = self._open.get(send_key, 0) + claimed.bit_count()
        self._forget()
        return claimed

    def close(self, send_key: SendKey, count: int) -> None:
        """So many positions of this row are settled or given up, and acknowledged."""
        left = self._open.get(send_key, 0) - count
        if left > 0:
            self._open[send_key] = left
        else:
            self._open.pop(send_key, None)

    def _forget(self) -> None:
        excess = len(self._known) - self._remembered
        for send_key in list(self._known)[: 2 * excess] if excess > 0 else ():
            if send_key not in self._open:
                del self._known[send_key]


class OffsetTracker:
    """The records of one partition of dispatch: how many positions each still waits for.

    `log_places` are places in the log of calls that speak of an offset.
    """

    def __init__(self, begin: int) -> None:
        self._next = begin
        self._open: dict[int, int] = {}  # by offset, ascending
        self._first_log_offset: dict[int, int] = {}

    def track(self, offset: int, count: int) -> None:
        """A record was read, with so many positions to see through; 0 when it is done already."""
        self._next = offset + 1
        if count:
            self._open[offset] = count
        else:
            self._first_log_offset.pop(offset, None)

    def note_log_offset(self, offset: int, log_offset: int) -> None:
        """The log speaks of this offset at `log_offset`."""
        if offset in self._open or offset >= self._next:
            self._first_log_offset[offset] = min(log_offset, self._first_log_offset.get(offset, log_offset))

    def settle(self, offset: int, count: int) -> None:
        """So many positions of this record are settled or given up, and acknowledged."""
        left = self._open.get(offset, 0) - count
        if left > 0:
            self._open[offset] = left
        else:
            self._open.pop(offset, None)
            self._first_log_offset.pop(offset, None)

    @property
    def open_positions(self) -> int:
        """Positions not done yet."""
        return sum(self._open.values())

    def committable(self, log_next: int) -> tuple[int, int]:
        """(the offset before which all is done, where a later owner begins to read the log back).

        `log_next`: the place that the next record of the log will get; what is not acknowledged yet stands there or
        later.
        """
        spoken = [
            send_key for offset, send_key in self._first_log_offset.items() if offset in self._open or offset >= self._next
        ]
        return next(iter(self._open), self._next), min(spoken, default=log_next)
