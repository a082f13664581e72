"""Receipts that a carrier holds back until it is told to let them go, as one does after an outage.

In: notices with where they belong; then a release: which receipts each message gets, a seed, at most how many a second. Out:
all of them, shuffled, to their outboxes, as fast as the windows take them. The same seed gives the same order. Bounded:
what does not fit is not taken, and goes out as if nothing were held. They live in memory: what is held when the process
ends is lost, as are receipts that wait.
"""

import asyncio
import random
from array import array
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from connectors.simulator.notice import Notice, ReceiptHead
from connectors.simulator.outbox import Outbox, Receiver

_TICK = 0.005
_AHEAD = 5_000
"""Receipts that wait in an outbox beside those in the windows: more would only take memory."""


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`states`: one receipt for each, the same twice is a repeat; empty: the one that was held. `rate`: a second; 0 = as
    fast as the windows allow."""

    states: list[str] = []
    seed: int = 1
    rate: float = 0.0

    def __post_init__(self) -> None:
        if self.rate < 0 or len(self.states) > 16:
            raise ValueError("out of range: " + ("rate" if self.rate < 0 else "states"))


class _Batch(NamedTuple):
    """Notices of one release, and the shuffled numbers `message * receipts + receipt` that are still to come."""

    notices: list[Notice]
    places: list[tuple[Outbox, Receiver | None]]
    outboxes: frozenset[Outbox]
    release: Release
    order: "array[int]"
    begun: float


class HeldReceipts:
    """`hold`, then `release`; several releases go out one after the other. `close`, or a timer keeps the
    loop's reference."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._notices: list[Notice] = []
        self._places: list[tuple[Outbox, Receiver | None]] = []
        self._batches: deque[_Batch] = deque()
        self._given = 0
        self._heads: dict[tuple[str, bytes, int], ReceiptHead] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Messages held, and receipts released that have not yet gone to an outbox."""
        return len(self._notices) + sum(len(batch.order) for batch in self._batches) - self._given

    def hold(self, notices: Sequence[Notice], outbox: Outbox, home: Receiver | None, limit: int) -> Sequence[Notice]:
        """Keep these; gives back those beyond the limit."""
        kept = notices[: max(0, limit - len(self))]
        self._notices += kept
        self._places += [(outbox, home)] * len(kept)
        return notices[len(kept) :]

    def release(self, release: Release) -> int:
        """Let everything that is held now go: how many receipts that is. The first leave after this call."""
        notices, places, self._notices, self._places = self._notices, self._places, [], []
        count = len(notices) * max(1, len(release.states))
        order = array("I", range(count))
        random.Random(release.seed).shuffle(order)
        if count:
            outboxes = frozenset(outbox for outbox, _ in places)
            self._batches.append(_Batch(notices, places, outboxes, release, order, self._loop.time()))
            self._arm()
        return count

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._batches.clear()
        self._given = 0
        self._notices, self._places = [], []

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(_TICK, self._fire)

    def _fire(self) -> None:
        self._timer = None
        batch = self._batches[0]
        due = len(batch.order)
        if batch.release.rate:
            due = min(due, int((self._loop.time() - batch.begun) * batch.release.rate))
        waiting = max(map(len, batch.outboxes))
        self._given += self._hand_out(batch, min(due - self._given, _AHEAD - waiting))
        if self._given == len(batch.order):
            self._batches.popleft()
            self._given = 0
            if self._batches:
                self._batches[0] = self._batches[0]._replace(begun=self._loop.time())
        if self._batches:
            self._arm()

    def _hand_out(self, batch: _Batch, most: int) -> int:
        if most <= 0:
            return 0
        states, numbers = batch.release.states, batch.order[self._given : self._given + most]
        receipts = max(1, len(states))
        out: dict[tuple[Outbox, Receiver | None], list[Notice]] = {}
        for number in numbers:
            message, receipt = divmod(number, receipts)
            notice = batch.notices[message]
            if states:
                notice = Notice(
                    receipt_id=notice.receipt_id, handset=notice.handset, fate=self._head(notice.fate, states[receipt])
                )
            out.setdefault(batch.places[message], []).append(notice)
        for (outbox, home), notices in out.items():
            outbox.add(notices, home)
        return len(numbers)

    def _head(self, fate: ReceiptHead, state: str) -> ReceiptHead:
        """One of these for each state, sender and minute, which is all that a receipt says: the encoder knows it again."""
        key = (state, fate.sender, int(fate.submitted_at) // 60)
        if key not in self._heads:
            if len(self._heads) > 1000:
                self._heads.clear()
            self._heads[key] = ReceiptHead(state=state, sender=fate.sender, submitted_at=fate.submitted_at)
        return self._heads[key]
