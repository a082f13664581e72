"""The batches of one lane at one carrier: a queue for each tenant, the least served tenant's turn.

In: batches, what was started of them, what came back. Out: the batch whose messages go next. Within a tenant batches keep
their order. What is here waits half a second at most; who is given more of it in the long run is decided where room is given
(the releaser), by the same rule. Nothing can go wrong.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator

from connectors.dispatch.batch_outcomes import BatchOutcomes, Outcome
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.send_batch import SendBatch
from schemas.rules.fairness import LeastServed
from schemas.rules.narrow_rates import Buckets, NarrowRates


class QueuedBatch:
    """A batch at its carrier. `outcomes`: what came of messages and is not written yet; `number`: its place in the order
    of its tenant. `late_outcomes`: what late answers said of messages that go out once more; `finished`: of these, and of
    others that were uncertain, the ranks for which a final outcome is written. `groups`: by rank what bounds its messages
    beside the carrier's rate, where anything does, and the rates by which that was found."""

    __slots__ = ("batch", "finished", "groups", "in_queue", "late_outcomes", "number", "outcomes", "owned")

    def __init__(self, owned: OwnedPartition, batch: SendBatch) -> None:
        self.owned = owned
        self.batch = batch
        self.outcomes = BatchOutcomes()
        self.number = 0
        self.late_outcomes: dict[int, Outcome] = {}
        self.finished: set[int] = set()
        self.in_queue = False
        self.groups: tuple[NarrowRates, list[Buckets]] | None = None


MustWait = Callable[[QueuedBatch], bool]
"""Whether nothing of a batch may go now, though others may."""


class LaneQueue:
    """`weight`: of a tenant. `has_nothing`, asked of batches as they come to the front, hands back what is to end."""

    def __init__(self, weight: Callable[[str], float]) -> None:
        self._weight = weight
        self._tenants: dict[str, deque[QueuedBatch]] = {}
        self._served = LeastServed[str]()

    def __bool__(self) -> bool:
        return bool(self._tenants)

    def __iter__(self) -> Iterator[QueuedBatch]:
        return itertools.chain.from_iterable(self._tenants.values())

    def append(self, queued: QueuedBatch) -> None:
        """Put it behind the others of its tenant."""
        queued.in_queue = True
        self._queue_of(queued).append(queued)

    def insert(self, queued: QueuedBatch) -> None:
        """Put it back in its old place."""
        queued.in_queue = True
        queue = self._queue_of(queued)
        queue.insert(sum(1 for _ in itertools.takewhile(lambda other: other.number < queued.number, queue)), queued)

    def charge(self, queued: QueuedBatch, segments: int) -> None:
        """So much of it was started; less than nothing: has not gone out after all."""
        self._served.charge(queued.batch.slice.tenant, segments)

    def in_turn(self) -> Iterator[QueuedBatch]:
        """Every batch, those of the least served tenants first."""
        for tenant in self._served.in_order():
            yield from self._tenants[tenant]

    def next_batch(
        self, has_nothing: Callable[[QueuedBatch], bool], must_wait: MustWait | None = None
    ) -> QueuedBatch | None:
        """The first batch, of the least served tenant that has one to send."""
        while (tenant := self._served.least()) is not None:
            found = self._first_of(tenant, has_nothing, must_wait)
            if found is not None:
                return found
            if tenant in self._tenants:  # all that it has waits for answers or tokens
                break
        for tenant in self._served.in_order() if self._tenants else ():
            found = self._first_of(tenant, has_nothing, must_wait)
            if found is not None:
                return found
        return None

    def sweep(self, has_nothing: Callable[[QueuedBatch], bool]) -> None:
        """Hand back every batch that is to end, wherever it waits."""
        for tenant, queue in list(self._tenants.items()):
            left: deque[QueuedBatch] = deque()
            for queued in queue:
                if has_nothing(queued):
                    queued.in_queue = False
                else:
                    left.append(queued)
            self._tenants[tenant] = left
            self._leave_if_empty(tenant)

    def _queue_of(self, queued: QueuedBatch) -> deque[QueuedBatch]:
        tenant = queued.batch.slice.tenant
        self._served.enter(tenant, self._weight(tenant))
        return self._tenants.setdefault(tenant, deque())

    def _first_of(
        self, tenant: str, has_nothing: Callable[[QueuedBatch], bool], must_wait: MustWait | None
    ) -> QueuedBatch | None:
        queue = self._tenants[tenant]
        passed: list[QueuedBatch] = []
        found: QueuedBatch | None = None
        while queue:
            queued = queue[0]
            if has_nothing(queued):
                queue.popleft().in_queue = False
            elif (queued.batch.one_at_a_time and queued.batch.in_flight) or (must_wait is not None and must_wait(queued)):
                passed.append(queue.popleft())
            else:
                found = queued
                break
        queue.extendleft(reversed(passed))
        self._leave_if_empty(tenant)
        return found

    def _leave_if_empty(self, tenant: str) -> None:
        if not self._tenants[tenant]:
            del self._tenants[tenant]
            self._served.leave(tenant)
