"""The queue of one carrier: loads by lane, the more urgent lane first.

In: batches with the owned partition they belong to, what is over (canceled, validity ended). Out: the batch whose messages
go next, costs of what waits (for the room), demand. A load whose owned was closed falls out silently: its messages are
another owner's.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence

from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.settling import Answers, Outcome
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

Over = Callable[[SendBatch], Reason | None]


class QueuedBatch:
    """A load at its carrier. `answers`: what has come and is not written yet; `number`: its place in its queue's order.
    `late`: what late answers said of messages that go out once more; `through`: of these, and of others that were
    uncertain, the ranks of which all is noted."""

    __slots__ = ("answers", "late", "load", "number", "owned", "queued", "through")

    def __init__(self, owned: OwnedPartition, load: SendBatch) -> None:
        self.owned = owned
        self.load = load
        self.answers = Answers()
        self.number = 0
        self.late: dict[int, Outcome] = {}
        self.through: set[int] = set()
        self.queued = False


class BatchQueue:
    """`touched`: (lane, chunk, send) whose waiting cost has changed since somebody looked."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._queues: dict[Lane, deque[QueuedBatch]] = {lane: deque() for lane in lanes}
        self._numbers = itertools.count()
        self.touched: set[tuple[Lane, str, int]] = set()

    def __bool__(self) -> bool:
        return any(self._queues.values())

    def add(self, work: QueuedBatch) -> None:
        """Behind the others of its lane."""
        work.queued, work.number = True, next(self._numbers)
        self._queues[work.owned.lane].append(work)
        self.touch(work)

    def give_back(self, work: QueuedBatch, rank: int) -> None:
        """This message has not gone out and is next again, behind what came before it."""
        work.load.give_back(rank)
        if not work.queued:
            work.queued = True
            queue = self._queues[work.owned.lane]
            before = sum(1 for _ in itertools.takewhile(lambda other: other.number < work.number, queue))
            queue.insert(before, work)
        self.touch(work)

    def touch(self, work: QueuedBatch) -> None:
        """Its waiting cost has changed."""
        self.touched.add((work.owned.lane, *work.load.place))

    def front(self, over: Over) -> QueuedBatch | None:
        """The load whose messages go next; what is over is handed back on the way."""
        for queue in self._queues.values():
            passed: list[QueuedBatch] = []
            found: QueuedBatch | None = None
            while queue:
                work = queue[0]
                if self._is_through(work, over):
                    queue.popleft().queued = False
                elif work.load.alone and work.load.flying:
                    passed.append(queue.popleft())
                else:
                    found = work
                    break
            queue.extendleft(reversed(passed))
            if found is not None:
                return found
        return None

    def sweep(self, over: Over) -> None:
        """Hand back everything that is over, wherever it stands."""
        for lane, queue in self._queues.items():
            left: deque[QueuedBatch] = deque()
            for work in queue:
                if self._is_through(work, over):
                    work.queued = False
                else:
                    left.append(work)
            self._queues[lane] = left

    def demand(self, most: int) -> int:
        """Messages that wait, counted up to `most`."""
        total = 0
        for queue in self._queues.values():
            for work in queue:
                total += work.load.waiting
                if total >= most:
                    return most
        return total

    def costs(self, lane: Lane) -> dict[tuple[str, int], int]:
        """Segments that wait in this lane, by (chunk, send)."""
        out: dict[tuple[str, int], int] = {}
        for work in self._queues[lane]:
            if work.load.waiting_cost and not work.owned.done_for:
                out[work.load.place] = out.get(work.load.place, 0) + work.load.waiting_cost
        return out

    @property
    def urgent(self) -> Lane:
        """The first lane with work; the last one without any."""
        return next((lane for lane, queue in self._queues.items() if queue), list(self._queues)[-1])

    @property
    def lanes(self) -> list[Lane]:
        """The lanes, the more urgent first."""
        return list(self._queues)

    def _is_through(self, work: QueuedBatch, over: Over) -> bool:
        if work.owned.done_for or not work.load.waiting:
            return True
        reason = over(work.load)
        if reason is None:
            return False
        self.touch(work)
        work.owned.give_up(work.load, reason)
        return True
