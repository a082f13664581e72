"""The state of a chunk's messages as columns, and how a change moves it.

In: a chunk's columns and one `Change`. Out: the columns afterwards, and by how many messages each rank's count moved.
Per position only a higher sequence wins. What a late change knows that nobody knew yet (segments, carrier, price) is
taken over all the same. One reason alone is taken over under an equal sequence: that a message which rests in `sent` got
no receipt (`no_receipt`); nothing of the same sequence takes it back. A change beyond the chunk's size raises RecordError.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from schemas.records.slice import RecordError
from schemas.records.wire import Change, MessageEvents
from schemas.values.foreign_text import CODE_LENGTH, fit
from schemas.values.positions import everyone, places
from schemas.values.reasons import Reason
from schemas.values.status import STATUSES, Status, sequence

RANKS = len(STATUSES)
SENT = Status.SENT.rank
MISSING = Reason.NO_RECEIPT.number


class ChunkState:
    """Columns of one chunk; `highest` is the greatest sequence, `uniform` whether all positions have it. `awaited` is what
    `resting` said of the columns that are stored."""

    __slots__ = (
        "awaited",
        "campaign",
        "carriers",
        "chunk",
        "codes",
        "highest",
        "lane",
        "part",
        "price",
        "reasons",
        "seconds",
        "segments",
        "sequences",
        "size",
        "tenant",
        "uniform",
        "updated_at",
    )

    def __init__(self, event: MessageEvents) -> None:
        size = event.size
        self.tenant, self.chunk, self.campaign, self.part = event.tenant, event.chunk, event.campaign, event.part
        self.size, self.lane = size, event.lane
        self.sequences = array("i", (0,)) * size
        self.reasons = array("h", (0,)) * size
        self.seconds = array("i", (0,)) * size
        self.carriers = array("h", (0,)) * size
        self.segments = array("h", (0,)) * size
        self.price = 0
        self.codes: dict[str, str] = {}
        self.highest = 0
        self.uniform = True
        self.updated_at = 0
        self.awaited: dict[int, int] = {}

    def restore(
        self,
        sequences: Sequence[int],
        reasons: Sequence[int],
        seconds: Sequence[int],
        carriers: Sequence[int],
        segments: Sequence[int],
        price: int,
        codes: dict[str, str],
        updated_at: int,
    ) -> None:
        """Take over the columns of a stored row."""
        if len(sequences) != self.size:
            raise RecordError(f"size: {self.size} for {self.chunk}, which has {len(sequences)}")
        self.sequences, self.seconds = array("i", sequences), array("i", seconds)
        self.reasons, self.carriers, self.segments = array("h", reasons), array("h", carriers), array("h", segments)
        self.price, self.codes, self.updated_at = price, codes, updated_at
        self.highest = max(sequences)
        self.uniform = min(sequences) == self.highest
        self.awaited = self.resting()

    def resting(self) -> dict[int, int]:
        """Carrier's number → when (epoch seconds) the first message came to rest in `sent` that waits for its receipt."""
        if self.uniform and self.highest & 15 != SENT:
            return {}
        since: dict[int, int] = {}
        for place, reason, second, carrier in zip(self.sequences, self.reasons, self.seconds, self.carriers, strict=True):
            if place & 15 == SENT and reason != MISSING and carrier and second < since.get(carrier, second + 1):
                since[carrier] = second
        return since

    def apply(self, change: Change, at: int, carrier: int, moved: list[int]) -> None:
        """Take the change in. `at` in milliseconds, `carrier` its number or 0; adds to the count of each rank."""
        if change.positions <= 0 or change.positions >> self.size:
            raise RecordError("positions: empty, or beyond the chunk's size")
        if change.segments and len(change.segments) != change.positions.bit_count():
            raise RecordError("segments: length differs from the number of positions")
        try:
            status, reason = Status(change.status), Reason(change.reason).number
            new = sequence(change.send, status)
        except ValueError as fault:
            raise RecordError(f"change: {fault}") from fault
        if change.positions == everyone(self.size):
            if new > self.highest:
                self._all(new, reason, at // 1000, carrier, moved)
            elif not (self.uniform and new == self.highest):
                self._some(range(self.size), new, reason, at // 1000, carrier, moved)
        else:
            self._some(places(change.positions), new, reason, at // 1000, carrier, moved)
        if reason == MISSING and status is Status.SENT:
            self._miss(places(change.positions), new, at // 1000)
        self._learn(change, carrier, status)
        self.updated_at = max(self.updated_at, at)

    def _all(self, new: int, reason: int, second: int, carrier: int, moved: list[int]) -> None:
        if self.uniform:
            moved[self.highest & 15] -= self.size
        else:
            for old in self.sequences:
                moved[old & 15] -= 1
        moved[new & 15] += self.size
        self.sequences = array("i", (new,)) * self.size
        self.reasons = array("h", (reason,)) * self.size
        self.seconds = array("i", (second,)) * self.size
        if carrier:
            self.carriers = array("h", (carrier,)) * self.size
        self.highest, self.uniform = new, True

    def _some(self, members: Sequence[int], new: int, reason: int, second: int, carrier: int, moved: list[int]) -> None:
        sequences, reasons, seconds, carriers = self.sequences, self.reasons, self.seconds, self.carriers
        taken = 0
        for p in members:
            old = sequences[p]
            if new > old:
                moved[old & 15] -= 1
                sequences[p], reasons[p], seconds[p] = new, reason, second
                if carrier:
                    carriers[p] = carrier
                taken += 1
        moved[new & 15] += taken
        if taken:
            self.highest = max(self.highest, new)
            self.uniform = taken == self.size

    def _miss(self, members: Sequence[int], sent: int, second: int) -> None:
        for p in members:
            if self.sequences[p] == sent and self.reasons[p] != MISSING:
                self.reasons[p], self.seconds[p] = MISSING, second

    def _learn(self, change: Change, carrier: int, status: Status) -> None:
        whole = change.positions == everyone(self.size)
        if change.price and not self.price:
            self.price = change.price
        if change.segments and whole and not any(self.segments):
            self.segments = array("h", list(change.segments))
        elif change.segments:
            for p, known in zip(places(change.positions), change.segments, strict=True):
                self.segments[p] = self.segments[p] or known
        if carrier and 0 in self.carriers:
            for p in places(change.positions):
                self.carriers[p] = self.carriers[p] or carrier
        if change.code is not None and status in (Status.FAILED, Status.UNDELIVERED):
            new, code = sequence(change.send, status), fit(change.code, CODE_LENGTH)
            self.codes.update((str(p), code) for p in places(change.positions) if self.sequences[p] == new)
