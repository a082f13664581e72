"""Which messages of a carrier's queue may go, where senders or networks have rates of their own there.

In: queued batches, free tokens, the time (monotonic seconds). Out: how much waits of each group (messages that the same
buckets bound), whether a batch must wait, the messages of a batch that go next. Within a group messages keep their order;
groups pass each other, so that what waits for a narrow bucket holds nobody back. Nothing can go wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from connectors.dispatch.attempt_blocks import UnsentSegments
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.narrow_tokens import NarrowTokens
from connectors.dispatch.whole_messages import WholeMessages
from infra.redis.carrier_capacity import room_of
from schemas.rules.narrow_rates import Buckets, NarrowRates


class NarrowQueue:
    """Of one sender. `tokens`: those of the groups; `whole`: the carrier takes all segments of a message at once."""

    def __init__(self, rates: NarrowRates, *, whole: bool) -> None:
        self.tokens = NarrowTokens(rates)
        self._whole = whole
        self._saved: dict[Buckets, WholeMessages] = {}

    def waiting(self, unsent: Iterable[UnsentSegments], queue: Iterable[QueuedBatch]) -> dict[Buckets, int]:
        """Messages that wait, by group; who is next comes first."""
        found: dict[Buckets, int] = {}
        for one in unsent:
            group = self.group_of(one.queued, one.rank)
            found[group] = found.get(group, 0) + 1
        for queued in queue:
            for group in self._waiting_groups(queued):
                found[group] = found.get(group, 0) + 1
        return found

    def must_wait(self, queued: QueuedBatch, tokens: int, now: float) -> bool:
        """Whether nothing of it may go now."""
        return not any(self.tokens.free(group, tokens, now) for group in dict.fromkeys(self._waiting_groups(queued)))

    def take(self, queued: QueuedBatch, most: int, tokens: int, now: float) -> tuple[list[int], int]:
        """(ranks of the messages that go next, all of one group and `most` at most; tokens that they take or save)."""
        by_rank, waiting = self._groups(queued), queued.batch.waiting_ranks
        for group in dict.fromkeys(by_rank[rank] for rank in waiting):
            free = self.tokens.free(group, tokens, now)
            if not free:
                continue
            ranks = list(islice((rank for rank in waiting if by_rank[rank] == group), min(most, free)))
            count, cost = self._pay(group, [queued.batch.messages.segments[rank] for rank in ranks], free)
            self.tokens.spend(group, cost, now)
            return ranks[:count], cost
        return [], 0

    def group_of(self, queued: QueuedBatch, rank: int) -> Buckets:
        """What bounds this message beside the carrier's rate."""
        return self._groups(queued)[rank]

    def buckets(self, queued: QueuedBatch) -> set[str]:
        """All that bound any of its messages."""
        return {bucket.name for group in dict.fromkeys(self._groups(queued)) for bucket in group}

    def costs(self, queued: QueuedBatch) -> dict[str, int]:
        """Segments of it that wait, by bucket."""
        by_rank, segments, found = self._groups(queued), queued.batch.messages.segments, dict[str, int]()
        for rank in queued.batch.waiting_ranks:
            for bucket in by_rank[rank]:
                found[bucket.name] = found.get(bucket.name, 0) + segments[rank]
        return found

    def cost_within(self, queued: QueuedBatch, left: dict[str, int]) -> int:
        """Segments of it that wait and have room in each bucket; `left`: by bucket, what others leave of its room."""
        by_rank, segments, cost = self._groups(queued), queued.batch.messages.segments, 0
        for rank in queued.batch.waiting_ranks:
            group = by_rank[rank]
            if all(left.setdefault(bucket.name, room_of(bucket.rate)) > 0 for bucket in group):
                cost += segments[rank]
                for bucket in group:
                    left[bucket.name] -= segments[rank]
        return cost

    def forget(self, now: float, *, nothing_waits: bool) -> None:
        """Once a second: what is over."""
        self.tokens.forget(now)
        if nothing_waits:
            self._saved.clear()

    def _pay(self, group: Buckets, costs: list[int], free: int) -> tuple[int, int]:
        if not self._whole:
            return len(costs), len(costs)
        return self._saved.setdefault(group, WholeMessages()).pay(costs, free)

    def _waiting_groups(self, queued: QueuedBatch) -> Iterator[Buckets]:
        by_rank = self._groups(queued)
        return (by_rank[rank] for rank in queued.batch.waiting_ranks)

    def _groups(self, queued: QueuedBatch) -> list[Buckets]:
        rates = self.tokens.rates
        if queued.groups is None or queued.groups[0] is not rates:
            found: dict[int, Buckets] = {}
            messages = queued.batch.messages
            for group, ranks in rates.groups(messages.slice.sender, messages.destinations).items():
                found.update(dict.fromkeys(ranks, group))
            queued.groups = rates, [found[rank] for rank in range(len(found))]
        return queued.groups[1]
