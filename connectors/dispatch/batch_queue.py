"""The queue of one carrier: loads by lane, the more urgent lane first.

In: batches with the owned partition they belong to, what is over (canceled, validity ended). Out: the batch whose messages
go next, costs of what waits (for the room), demand. A load whose owned was closed falls out silently: its messages are
another owner's.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence

from connectors.dispatch.batch_outcomes import BatchOutcomes, Outcome
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.send_progress import SendKey
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

ReasonToEnd = Callable[[SendBatch], Reason | None]


class QueuedBatch:
    """A load at its carrier. `outcomes`: what has come and is not written yet; `number`: its place in its queue's order.
    `late`: what late answers said of messages that go out once more; `through`: of these, and of others that were
    uncertain, the ranks of which all is noted."""

    __slots__ = ("batch", "finished", "in_queue", "late_outcomes", "number", "outcomes", "owned")

    def __init__(self, owned: OwnedPartition, batch: SendBatch) -> None:
        self.owned = owned
        self.batch = batch
        self.outcomes = BatchOutcomes()
        self.number = 0
        self.late_outcomes: dict[int, Outcome] = {}
        self.finished: set[int] = set()
        self.in_queue = False


class BatchQueue:
    """`changed`: (lane, chunk, send) whose waiting cost has changed since somebody looked."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._queues: dict[Lane, deque[QueuedBatch]] = {lane: deque() for lane in lanes}
        self._numbers = itertools.count()
        self.changed: set[tuple[Lane, str, int]] = set()

    def __bool__(self) -> bool:
        return any(self._queues.values())

    def enqueue(self, queued: QueuedBatch) -> None:
        """Behind the others of its lane."""
        queued.in_queue, queued.number = True, next(self._numbers)
        self._queues[queued.owned.lane].append(queued)
        self.mark_changed(queued)

    def give_back(self, queued: QueuedBatch, rank: int) -> None:
        """This message has not gone out and is next again, behind what came before it."""
        queued.batch.give_back(rank)
        if not queued.in_queue:
            queued.in_queue = True
            queue = self._queues[queued.owned.lane]
            before = sum(1 for _ in itertools.takewhile(lambda other: other.number < queued.number, queue))
            queue.insert(before, queued)
        self.mark_changed(queued)

    def mark_changed(self, queued: QueuedBatch) -> None:
        """Its waiting cost has changed."""
        self.changed.add((queued.owned.lane, *queued.batch.send_key))

    def next_batch(self, reason_to_end: ReasonToEnd) -> QueuedBatch | None:
        """The load whose messages go next; what is over is handed back on the way."""
        for queue in self._queues.values():
            passed: list[QueuedBatch] = []
            found: QueuedBatch | None = None
            while queue:
                queued = queue[0]
                if self._has_nothing_to_send(queued, reason_to_end):
                    queue.popleft().in_queue = False
                elif queued.batch.one_at_a_time and queued.batch.in_flight:
                    passed.append(queue.popleft())
                else:
                    found = queued
                    break
            queue.extendleft(reversed(passed))
            if found is not None:
                return found
        return None

    def sweep(self, reason_to_end: ReasonToEnd) -> None:
        """Hand back everything that is over, wherever it stands."""
        for lane, queue in self._queues.items():
            left: deque[QueuedBatch] = deque()
            for queued in queue:
                if self._has_nothing_to_send(queued, reason_to_end):
                    queued.in_queue = False
                else:
                    left.append(queued)
            self._queues[lane] = left

    def demand(self, most: int) -> int:
        """Messages that wait, counted up to `most`."""
        total = 0
        for queue in self._queues.values():
            for queued in queue:
                total += queued.batch.waiting
                if total >= most:
                    return most
        return total

    def costs(self, lane: Lane) -> dict[SendKey, int]:
        """Segments that wait in this lane, by (chunk, send)."""
        out: dict[SendKey, int] = {}
        for queued in self._queues[lane]:
            if queued.batch.waiting_cost and not queued.owned.starts_nothing:
                out[queued.batch.send_key] = out.get(queued.batch.send_key, 0) + queued.batch.waiting_cost
        return out

    @property
    def urgent(self) -> Lane:
        """The first lane with work; the last one without any."""
        return next((lane for lane, queue in self._queues.items() if queue), list(self._queues)[-1])

    @property
    def lanes(self) -> list[Lane]:
        """The lanes, the more urgent first."""
        return list(self._queues)

    def _has_nothing_to_send(self, queued: QueuedBatch, reason_to_end: ReasonToEnd) -> bool:
        if queued.owned.starts_nothing or not queued.batch.waiting:
            return True
        reason = reason_to_end(queued.batch)
        if reason is None:
            return False
        self.mark_changed(queued)
        queued.owned.hand_back(queued.batch, reason)
        return True
