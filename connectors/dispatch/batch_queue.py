"""The queue of one carrier: batches by lane, the more urgent lane first, within a lane the least served tenant.

In: batches, each with the owned partition it belongs to; what tells why a batch is to end (canceled, validity ended), and
which of its messages were canceled by themselves. Out:
the batch whose messages go next; the segments that wait, for the carrier's capacity; demand. A batch whose partition is
owned no more is dropped without a word: its messages belong to the next owner.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence

from connectors.dispatch.lane_queue import LaneQueue, MustWait, QueuedBatch
from connectors.dispatch.narrow_queue import NarrowQueue
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.send_progress import SendKey
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

Canceled = Callable[[SendBatch], int]
"""The positions of a batch whose messages were canceled by themselves; its others go on."""
ReasonToStop = Callable[[SendBatch], Reason | None]
"""Why nothing more of a batch may be started; None when it may."""


class BatchQueue:
    """`weight`: of a tenant. `changed`: (lane, chunk, send) whose waiting cost has changed since it was last reported.
    `carried`: the lanes that are ours here, the more urgent first; what comes of another one waits behind them. `narrow`:
    what bounds which messages, where senders or networks have rates of their own; `changed_narrow`: as `changed`, with the
    bucket behind the lane."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        weight: Callable[[str], float] = lambda _tenant: 1.0,
        canceled: Canceled = lambda batch: 0,
    ) -> None:
        self._canceled = canceled
        self._weight = weight
        self._queues: dict[Lane, LaneQueue] = {}
        self.carry(lanes)
        self._numbers = itertools.count()
        self.changed: set[tuple[Lane, str, int]] = set()
        self.narrow: NarrowQueue | None = None
        self.changed_narrow: set[tuple[Lane, str, str, int]] = set()

    def __bool__(self) -> bool:
        return any(self._queues.values())

    def carry(self, lanes: Sequence[Lane]) -> None:
        """These lanes are ours from now on."""
        self._carried = tuple(lanes)
        for lane in lanes:
            self._queues.setdefault(lane, LaneQueue(self._weight))

    def enqueue(self, queued: QueuedBatch) -> None:
        """Put it behind the others of its lane and tenant."""
        queued.number = next(self._numbers)
        self._queues.setdefault(queued.owned.lane, LaneQueue(self._weight)).append(queued)
        self.mark_changed(queued)

    def take(self, queued: QueuedBatch, count: int, chosen: Collection[int] = ()) -> list[int]:
        """The next ranks of this batch, `count` at most, or the chosen ones: they are started."""
        waited = queued.batch.waiting_cost
        ranks = queued.batch.take_ranks(chosen) if chosen else queued.batch.next_ranks(count)
        self._queues[queued.owned.lane].charge(queued, waited - queued.batch.waiting_cost)
        self.mark_changed(queued)
        return ranks

    def give_back(self, queued: QueuedBatch, rank: int) -> None:
        """This message has not gone out: it waits again, its batch in its old place."""
        queue = self._queues[queued.owned.lane]
        queued.batch.give_back(rank)
        if not queued.in_queue:
            queue.insert(queued)
        queue.charge(queued, -queued.batch.messages.segments[rank])
        self.mark_changed(queued)

    def mark_changed(self, queued: QueuedBatch) -> None:
        """Its waiting cost has changed."""
        self.changed.add((queued.owned.lane, *queued.batch.send_key))
        if self.narrow is not None:
            lane, send_key = queued.owned.lane, queued.batch.send_key
            self.changed_narrow.update((lane, bucket, *send_key) for bucket in self.narrow.buckets(queued))

    def next_batch(self, reason_to_stop: ReasonToStop, must_wait: MustWait | None = None) -> QueuedBatch | None:
        """The batch whose messages go next; those that are to end are handed back on the way, those that
        must wait are passed over."""
        for queue in self._queues.values():
            found = queue.next_batch(lambda queued: self._has_nothing_to_send(queued, reason_to_stop), must_wait)
            if found is not None:
                return found
        return None

    def sweep(self, reason_to_stop: ReasonToStop) -> None:
        """Hand back every batch that is to end, wherever it waits."""
        for queue in self._queues.values():
            queue.sweep(lambda queued: self._has_nothing_to_send(queued, reason_to_stop))

    def in_turn(self) -> Iterator[QueuedBatch]:
        """Every batch: the more urgent lanes first, the least served tenants first."""
        for queue in self._queues.values():
            yield from queue.in_turn()

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
        """Segments that wait in this lane, by (chunk, send). Of what narrow buckets bound only what fits into their room:
        where a rate was lowered, more of it may lie here, and would fill the carrier for everybody as long as that lasts."""
        out: dict[SendKey, int] = {}
        narrow, left = self.narrow, dict[str, int]()
        for queued in self._queues[lane]:
            if queued.batch.waiting_cost and not queued.owned.starts_nothing:
                cost = queued.batch.waiting_cost if narrow is None else narrow.cost_within(queued, left)
                out[queued.batch.send_key] = out.get(queued.batch.send_key, 0) + cost
        return out

    def narrow_costs(self) -> dict[tuple[Lane, str], dict[SendKey, int]]:
        """Segments that wait for each bucket of a sender or network, by (lane, bucket)."""
        out: dict[tuple[Lane, str], dict[SendKey, int]] = {}
        for lane, queue in self._queues.items() if self.narrow is not None else ():
            for queued in queue:
                costs = {} if queued.owned.starts_nothing or self.narrow is None else self.narrow.costs(queued)
                for bucket, cost in costs.items():
                    place, send_key = out.setdefault((lane, bucket), {}), queued.batch.send_key
                    place[send_key] = place.get(send_key, 0) + cost
        return out

    @property
    def urgent(self) -> Lane:
        """The first lane in which batches wait; the last lane when none do."""
        return next((lane for lane, queue in self._queues.items() if queue), self._carried[-1])

    @property
    def lanes(self) -> list[Lane]:
        """The lanes that are ours, the more urgent first."""
        return list(self._carried)

    @property
    def shared(self) -> bool:
        """Whether marketing goes here beside codes."""
        return len(self._queues) > 1

    def _has_nothing_to_send(self, queued: QueuedBatch, reason_to_stop: ReasonToStop) -> bool:
        if queued.owned.starts_nothing or not queued.batch.waiting:
            return True
        if canceled := self._canceled(queued.batch):
            self.mark_changed(queued)
            queued.owned.hand_back(queued.batch, Reason.CANCELED, canceled)
            if not queued.batch.waiting:
                return True  # nothing is left of it
        reason = reason_to_stop(queued.batch)
        if reason is None:
            return False
        self.mark_changed(queued)
        queued.owned.hand_back(queued.batch, reason)
        return True
