"""Dispatch's records from Kafka to the event loop: one thread that polls, hands batches over, and pauses partitions.

In: assignments and records. Out, all on the loop: `assigned`, `revoked` and batches of records. A partition begins paused
and is read once the loop releases it; it is held again when too much of it is open. Faults of the connection are the
client's to mend; one that it cannot mend ends the thread and is reported by `failed`.

All calls of the consumer are made by the thread; the traps are listed in `infra/kafka/subscription.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from infra.kafka.client import KafkaException
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.kafka.subscription import Subscription

BATCH = 500
BATCHES_AHEAD = 4
POLL_SECONDS = 0.1
REVOKE_PATIENCE = 4.0
LOOK_UP_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerCallbacks:
    """What is called on the loop. `assigned`: committed offset (negative: none) and metadata of each partition; maybe of no
    partition. `revoked` has up to four seconds."""

    assigned: Callable[[dict[PartitionKey, tuple[int, str | None]]], None]
    revoked: Callable[[list[PartitionKey]], Awaitable[None]]
    records: Callable[[list[ConsumerRecord]], None]
    failed: Callable[[Exception], None]


class ConsumerThread:
    """Call `start` once and `stop` once, and everything from the loop."""

    def __init__(self, consumer: Any, topics: Sequence[str], calls: ConsumerCallbacks) -> None:
        self._subscription = Subscription(consumer, assigned=self._assigned, revoked=self._revoked, begin_held=True)
        self._topics = list(topics)
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        self._batches_ahead = 0
        self._newly_assigned: list[PartitionKey] = []  # their committed offsets are not looked up yet
        self._commits: list[tuple[PartitionKey, tuple[int, str]]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatch-consumer", daemon=True)
        self.hold = self._subscription.hold
        self.release = self._subscription.release

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def batch_done(self) -> None:
        """A batch has been handled."""
        self._batches_ahead -= 1

    def commit(self, offsets: Mapping[PartitionKey, tuple[int, str]]) -> None:
        """Commit offset and metadata soon, at the latest when the partition is revoked or the process ends. The next commit
        makes up for one that fails."""
        self._commits += offsets.items()

    async def stop(self) -> None:
        """Leave; with static membership the partitions stay ours until the session ends."""
        self._stopped.set()
        await asyncio.to_thread(self._thread.join, 3.0)

    def _run(self) -> None:
        try:
            self._subscription.join(self._topics)
            while not self._stopped.is_set():
                self._look_up_offsets()
                self._commit_now(wait=False)
                self._subscription.all_held = self._batches_ahead >= BATCHES_AHEAD
                records = self._subscription.poll(BATCH, POLL_SECONDS)
                if records:
                    self._batches_ahead += 1
                    self._call_on_loop(self._calls.records, records)
            self._commit_now(wait=True)
            self._subscription.close()
        except Exception as fault:  # noqa: BLE001 why: the last frame of a thread; the role must learn of it, whatever it was
            self._call_on_loop(self._calls.failed, fault)

    def _assigned(self, keys: list[PartitionKey]) -> None:
        self._newly_assigned += keys
        if not keys:
            self._call_on_loop(self._calls.assigned, {})

    def _revoked(self, keys: list[PartitionKey]) -> None:
        if self._loop.is_closed() or self._stopped.is_set():
            return
        done = asyncio.run_coroutine_threadsafe(_await(self._calls.revoked(keys)), self._loop)
        try:
            done.result(REVOKE_PATIENCE)
        except TimeoutError:
            done.cancel()
        self._commit_now(wait=True)

    def _look_up_offsets(self) -> None:
        """Read the committed offsets and metadata of what was just assigned."""
        newly_assigned, self._newly_assigned = self._newly_assigned, []
        keys = [key for key in newly_assigned if self._subscription.owns(key)]
        if not keys:
            return
        try:
            found = self._subscription.committed(keys, LOOK_UP_PATIENCE)
        except KafkaException:
            self._newly_assigned = keys
            return
        self._call_on_loop(self._calls.assigned, found)

    def _commit_now(self, *, wait: bool) -> None:
        commits, self._commits = self._commits, []
        if commits:
            with suppress(KafkaException):
                self._subscription.commit(dict(commits), wait=wait)

    def _call_on_loop(self, call: Callable[..., None], argument: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, argument)


async def _await(work: Awaitable[None]) -> None:
    await work
