"""The partitions that this process owns: taken over with a look into the past, committed, given up.

In: assignments and revocations from the consumer thread. Out: owned partitions, each after its `Owner` is acknowledged by
the log and everything before it was read back; only then are its records read. Commits of what is done; their metadata is
the log offset where a later owner begins to read back. On revocation nothing new is started, answers in flight are awaited
for a moment, the rest is left to the next owner. A log that cannot be read ends the process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from connectors.dispatch.attempt_log import AttemptLog, Fenced
from connectors.dispatch.attempt_log_reader import read_between, read_for_new_owner
from connectors.dispatch.attempt_records import StrategyOf
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.consumer_thread import ConsumerThread
from connectors.dispatch.log_recovery import rebuild
from connectors.dispatch.offset_tracker import OffsetTracker
from connectors.dispatch.owned_partition import OwnedPartition, RememberSettled
from infra.kafka.outbox import Outbox
from infra.kafka.records import PartitionKey
from infra.kafka.security import Cluster
from infra.security.sealing import Sealer
from schemas.records.topics import DISPATCH_SHARED, attempts, dispatch, log_of
from schemas.records.wire import Owner, Record
from schemas.values.lanes import Lane

LEAVE_SECONDS = 2.5
HOLD_ABOVE = 20_000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentParts:
    """`owner`: a name that no other process has. `now` in milliseconds. `owners_changed`: a partition is ours; `let_go`:
    some are so no longer, and whoever has them next may connect to their carriers."""

    cluster: Cluster
    group: str
    owner: str
    outbox: Outbox
    sealer: Sealer
    remember_settled: RememberSettled
    now: Callable[[], int]
    senders: Callable[[], Iterable[CarrierSender]]
    fail: Callable[[Exception], None]
    strategy_of: StrategyOf
    owners_changed: Callable[[], None]
    let_go: Callable[[], Awaitable[None]]


class PartitionAssignment:
    """`owned_partitions` by (dispatch topic, partition); `ready` is set once the first assignment is taken over."""

    def __init__(self, parts: AssignmentParts) -> None:
        self.owned_partitions: dict[PartitionKey, OwnedPartition] = {}
        self.ready = asyncio.Event()
        self.consumer_thread: ConsumerThread
        self._parts = parts
        self._take_overs: dict[PartitionKey, asyncio.Task[None]] = {}
        self._logs: dict[PartitionKey, AttemptLog] = {}

    def owns_codes(self, partition: int) -> bool:
        """Whether the codes of this partition come to this process."""
        return (dispatch(Lane.OTP), partition) in self.owned_partitions

    def assigned(self, keys: dict[PartitionKey, tuple[int, str | None]]) -> None:
        """These partitions are ours from now on; each with its committed offset and the metadata of that commit."""
        for key, (offset, metadata) in keys.items():
            log_begin = int(metadata) if metadata and metadata.isdigit() else None
            name = f"take-over-{key[0]}-{key[1]}"
            task = asyncio.get_running_loop().create_task(self._take_over(key, offset, log_begin), name=name)
            self._take_overs[key] = task
            task.add_done_callback(partial(self._on_taken_over, key))
        if not keys:
            self.ready.set()

    async def revoked(self, keys: list[PartitionKey]) -> None:
        """These partitions are somebody else's in a moment."""
        leaving = []
        for key in keys:
            task = self._take_overs.pop(key, None)
            if task is not None:
                task.cancel()
            owned = self.owned_partitions.pop(key, None)
            if owned is not None:
                owned.leaving = True
                leaving.append((key, owned))
        await self._await_in_flight([owned for _, owned in leaving])
        self._commit(leaving)
        for key in keys:
            if (one := self._logs.pop(key, None)) is not None:
                one.close()
        for sender in self._parts.senders():
            sender.forget_closed_partitions()
        await self._parts.let_go()

    def commit(self) -> None:
        """Commit what is done, and hold partitions of which too much is open."""
        self._commit(list(self.owned_partitions.items()))
        for key, owned in self.owned_partitions.items():
            if owned.offsets.open_positions > HOLD_ABOVE:
                self.consumer_thread.hold(key)
            elif owned.offsets.open_positions < HOLD_ABOVE // 2:
                self.consumer_thread.release(key)

    async def leave(self) -> None:
        """The process ends: start nothing, await answers for a moment, commit all that is done."""
        for task in self._take_overs.values():
            task.cancel()
        for owned in self.owned_partitions.values():
            owned.leaving = True
        await self._await_in_flight(list(self.owned_partitions.values()))
        self.commit()

    async def _await_in_flight(self, owned_partitions: list[OwnedPartition]) -> None:
        senders = list(self._parts.senders())
        deadline = asyncio.get_running_loop().time() + LEAVE_SECONDS
        await _until(lambda: not any(sender.blocks_in_flight(owned_partitions) for sender in senders), deadline)
        for sender in senders:
            sender.flush_outcomes()
        await _until(lambda: not any(owned.log.unconfirmed for owned in owned_partitions), deadline)

    def _commit(self, owned_partitions: list[tuple[PartitionKey, OwnedPartition]]) -> None:
        moved: dict[PartitionKey, tuple[int, str]] = {}
        for key, owned in owned_partitions:
            offset, log_offset = owned.offsets.committable(owned.log.next_offset)
            if offset != owned.committed:
                owned.committed = offset
                moved[key] = (offset, str(log_offset))
        if moved:
            self.consumer_thread.commit(moved)

    def _on_taken_over(self, key: PartitionKey, task: asyncio.Task[None]) -> None:
        if self._take_overs.get(key) is task:
            del self._take_overs[key]
        if task.cancelled():
            return
        fault = task.exception()
        if isinstance(fault, Exception):
            self._parts.fail(fault)
        elif not self._take_overs:
            self.ready.set()

    async def _take_over(self, key: PartitionKey, offset: int, log_begin: int | None) -> None:
        if offset < 0:
            raise RuntimeError(f"{key[0]}[{key[1]}] has no first offset: run `sluice topics apply`")
        parts, (topic, partition) = self._parts, key
        if topic == DISPATCH_SHARED:  # codes do not wait for its logs: a few only are read back at a time
            await _over([task for other, task in self._take_overs.items() if other[0] != DISPATCH_SHARED])
        began = time.monotonic()
        lane, log_partition = log_of(topic, partition)
        attempt_log = AttemptLog(
            attempts(lane), log_partition, parts.outbox.post, self._reader(lane, log_partition), self._fenced
        )
        self._logs[key] = attempt_log
        epoch = await attempt_log.take_over(Owner(owner=parts.owner, lane=lane, at=parts.now()))
        entries = await asyncio.to_thread(
            read_for_new_owner, parts.cluster, parts.group, (attempts(lane), log_partition), log_begin, epoch
        )
        recovered = rebuild(entries)
        owned = OwnedPartition(
            lane,
            partition,
            attempt_log,
            OffsetTracker(offset),
            recovered,
            parts.sealer,
            parts.remember_settled,
            parts.now,
            parts.strategy_of,
        )
        owned.committed = offset
        self.owned_partitions[key] = owned
        self.consumer_thread.release(key)
        parts.owners_changed()
        log.info(
            "took a partition over",
            action="owner",
            lane=lane,
            topic=topic,
            partition=partition,
            epoch=epoch,
            read=len(entries),
            uncertain=sum(p.bit_count() for p in [*recovered.once.values(), *recovered.twice.values()]),
            suspects=len(recovered.suspects),
            milliseconds=round(1000 * (time.monotonic() - began)),
        )

    def _reader(self, lane: Lane, partition: int) -> Callable[[int, int], asyncio.Future[list[tuple[int, Record]]]]:
        parts = self._parts

        def between(begin: int, end: int) -> asyncio.Future[list[tuple[int, Record]]]:
            return asyncio.get_running_loop().run_in_executor(
                None, read_between, parts.cluster, parts.group, (attempts(lane), partition), begin, end
            )

        return between

    def _fenced(self, fault: Fenced) -> None:
        log.error("another owner has taken over", action="fenced", error=str(fault))
        self._parts.fail(fault)


async def _over(tasks: Collection[asyncio.Task[None]]) -> None:
    """Return when these have ended, however they did."""
    if tasks:
        await asyncio.wait(tasks)


async def _until(done: Callable[[], bool], deadline: float) -> None:
    """Return when `done()`, or at the deadline (time of the loop)."""
    while not done():
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(0.005)
