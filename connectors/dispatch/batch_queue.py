"""The queue of one carrier: batches by lane, the more urgent lane first.

In: batches, each with the owned partition it belongs to; what tells why a batch is to end (canceled, validity ended). Out:
the batch whose messages go next; the segments that wait, for the carrier's capacity; demand. A batch whose partition is
owned no more is dropped without a word: its messages belong to the next owner.
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

ReasonToStop = Callable[[SendBatch], Reason | None]
"""Why nothing more of a batch may be started; None when it may."""


class QueuedBatch:
    """A batch at its carrier. `outcomes`: what came of messages and is not written yet; `number`: its place in the order of
    its lane. `late_outcomes`: what late answers said of messages that go out once more; `finished`: of these, and of others
    that were uncertain, the ranks for which a final outcome is written."""

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
    """`changed`: (lane, chunk, send) whose waiting cost has changed since it was last reported."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._queues: dict[Lane, deque[QueuedBatch]] = {lane: deque() for lane in lanes}
        self._numbers = itertools.count()
        self.changed: set[tuple[Lane, str, int]] = set()

    def __bool__(self) -> bool:
        return any(self._queues.values())

    def enqueue(self, queued: QueuedBatch) -> None:
        """Put it behind the others of its lane."""
        queued.in_queue, queued.number = True, next(self._numbers)
        self._queues[queued.owned.lane].append(queued)
        self.mark_changed(queued)

    def give_back(self, queued: QueuedBatch, rank: int) -> None:
        """This message has not gone out: it waits again, its batch in its old place."""
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

    def next_batch(self, reason_to_stop: ReasonToStop) -> QueuedBatch | None:
        """The batch whose messages go next; those that are to end are handed back on the way."""
        for queue in self._queues.values():
            passed: list[QueuedBatch] = []
            found: QueuedBatch | None = None
            while queue:
                queued = queue[0]
                if self._has_nothing_to_send(queued, reason_to_stop):
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

    def sweep(self, reason_to_stop: ReasonToStop) -> None:
        """Hand back every batch that is to end, wherever it waits."""
        for lane, queue in self._queues.items():
            left: deque[QueuedBatch] = deque()
            for queued in queue:
                if self._has_nothing_to_send(queued, reason_to_stop):
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
        """The first lane in which batches wait; the last lane when none do."""
        return next((lane for lane, queue in self._queues.items() if queue), list(self._queues)[-1])

    @property
    def lanes(self) -> list[Lane]:
        """The lanes, the more urgent first."""
        return list(self._queues)

    def _has_nothing_to_send(self, queued: QueuedBatch, reason_to_stop: ReasonToStop) -> bool:
        if queued.owned.starts_nothing or not queued.batch.waiting:
            return True
        reason = reason_to_stop(queued.batch)
        if reason is None:
            return False
        self.mark_changed(queued)
        queued.owned.hand_back(queued.batch, reason)
        return True
