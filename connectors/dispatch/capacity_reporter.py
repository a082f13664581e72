"""What waits in dispatch, reported to the carriers' capacity in Redis, so that intake and releaser know how much more may
come.

In: the carriers' queues. Out: within 50 ms of a change (100 in the pool otp) the costs that changed (0 = removed), and each
second everything, even if it is nothing, which says that this process lives. While Redis is away nothing is reported; the
next second makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from connectors.dispatch.batch_queue import BatchQueue
from connectors.dispatch.send_progress import SendKey
from infra.redis.client import RedisDown
from schemas.values.lanes import Lane

Entries = dict[SendKey, int]


class CapacityStore(Protocol):
    """`infra.redis.carrier_capacity.CarrierCapacity`."""

    async def renew(self, carrier: str, lane: str, entries: Mapping[SendKey, int]) -> None: ...
    async def renew_all(self, held: Sequence[tuple[str, str, Mapping[SendKey, int]]]) -> None: ...
    async def remove(self, carrier: str, lane: str, keys: Iterable[SendKey]) -> None: ...
    async def renew_narrow(self, carrier: str, held: Mapping[tuple[Lane, str], Mapping[SendKey, int]]) -> None: ...


class CapacityReporter:
    """One a process."""

    def __init__(self, capacity: CapacityStore) -> None:
        self._capacity = capacity

    async def report_changes(self, queues: Mapping[str, BatchQueue]) -> None:
        """The (chunk, send) whose waiting cost has changed since the last time."""
        try:
            for carrier, queue in queues.items():
                changed, queue.changed = queue.changed, set()
                for lane in {of for of, _, _ in changed}:
                    send_keys = {(chunk, send) for of, chunk, send in changed if of is lane}
                    await self._report(carrier, lane, queue.costs(lane), send_keys)
                if queue.changed_narrow:
                    await self._report_narrow(carrier, queue)
        except RedisDown:
            return

    async def report_all(self, queues: Mapping[str, BatchQueue]) -> None:
        """Everything that waits."""
        try:
            await self._capacity.renew_all(
                [(carrier, lane, queue.costs(lane)) for carrier, queue in queues.items() for lane in queue.lanes]
            )
            for carrier, queue in queues.items():
                if costs := queue.narrow_costs():
                    await self._capacity.renew_narrow(carrier, costs)
        except RedisDown:
            return

    async def _report(self, carrier: str, lane: Lane, costs: Entries, send_keys: set[SendKey]) -> None:
        left = {send_key: costs[send_key] for send_key in send_keys if send_key in costs}
        if left:
            await self._capacity.renew(carrier, lane, left)
        if len(left) < len(send_keys):
            await self._capacity.remove(carrier, lane, send_keys - set(left))

    async def _report_narrow(self, carrier: str, queue: BatchQueue) -> None:
        changed, queue.changed_narrow = queue.changed_narrow, set()
        costs, held = queue.narrow_costs(), dict[tuple[Lane, str], Entries]()
        for lane, bucket, chunk, send in changed:
            held.setdefault((lane, bucket), {})[chunk, send] = costs.get((lane, bucket), {}).get((chunk, send), 0)
        await self._capacity.renew_narrow(carrier, held)
