"""Dispatch's records from Kafka to the loop: one thread that polls, hands over batches, and stops reading where told to.

In: assignments and records. Out, all on the loop: `assigned`, `revoked` and batches of messages. A partition
begins on hold and is read once the loop lets it go (`release`); it is held again when too much of it is open. A fault of
the connection is the client's to mend; a fault that it cannot mend ends the thread and is reported by `failed`.

Trap: every call of the consumer is made by the thread that polls. The client lets one thread in at a time, and another
one may wait for ever while the first comes back to poll.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from infra.kafka.client import KafkaException, TopicPartition

BATCH = 500
BATCHES_AHEAD = 4
REVOKE_PATIENCE = 4.0
LOOK_UP_PATIENCE = 2.0

PartitionKey = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerCallbacks:
    """What the loop is called with. `assigned`: committed offset (negative: none) and metadata by place; maybe no place.
    `revoked` may take up to four seconds to come to rest."""

    assigned: Callable[[dict[PartitionKey, tuple[int, str | None]]], None]
    revoked: Callable[[list[PartitionKey]], Awaitable[None]]
    batch: Callable[[list[Any]], None]
    failed: Callable[[Exception], None]


class ConsumerThread:
    """`start` once, `stop` once; the other calls are for the loop."""

    def __init__(self, consumer: Any, topics: Sequence[str], calls: ConsumerCallbacks) -> None:
        self._consumer = consumer
        self._topics = list(topics)
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        self._owned: set[PartitionKey] = set()
        self._held: set[PartitionKey] = set()
        self._paused: set[PartitionKey] = set()
        self._ahead = 0
        self._begun: list[PartitionKey] = []  # assigned, their offsets not looked up yet
        self._commits: list[Any] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatch-consumer_thread", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    def hold(self, place: PartitionKey) -> None:
        """Read no further there for now."""
        self._held.add(place)

    def release(self, place: PartitionKey) -> None:
        """Read on there."""
        self._held.discard(place)

    def taken(self) -> None:
        """A batch has been worked in."""
        self._ahead -= 1

    def commit(self, offsets: Sequence[tuple[str, int, int, str]]) -> None:
        """Commit (topic, partition, offset, metadata), at the latest when the partition or the process is given up. A
        commit that is refused is made up for by the next one."""
        self._commits += [TopicPartition(topic, partition, offset, metadata)
                          for topic, partition, offset, metadata in offsets]

    async def stop(self) -> None:
        """Leave; with static membership the partitions stay ours until the session ends."""
        self._stopped.set()
        await asyncio.to_thread(self._thread.join, 3.0)

    def _run(self) -> None:
        try:
            self._consumer.subscribe(self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke,
                                     on_lost=self._on_revoke)
            while not self._stopped.is_set():
                self._steer()
                self._look_up()
                self._commit_now(wait=False)
                message = self._consumer.poll(0.05)
                if message is not None:
                    self._hand_over([message, *self._consumer.consume(BATCH - 1, 0)])
            self._commit_now(wait=True)
            self._consumer.close()
        except Exception as fault:  # noqa: BLE001 why: the last frame of a thread; the role must learn of it, whatever it was
            self._tell(self._calls.failed, fault)

    def _hand_over(self, messages: list[Any]) -> None:
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                good.append(message)
            elif error.fatal() or (not error.retriable() and error.name() in _HOPELESS):
                raise KafkaException(error)
        if good:
            self._ahead += 1
            self._tell(self._calls.batch, good)

    def _steer(self) -> None:
        """Pause and resume so that exactly what is to be held is held."""
        wanted = set(self._owned) if self._ahead >= BATCHES_AHEAD else self._owned & self._held
        stop, go = wanted - self._paused, (self._paused - wanted) & self._owned
        if stop:
            self._consumer.pause([TopicPartition(*place) for place in stop])
        if go:
            self._consumer.resume([TopicPartition(*place) for place in go])
        self._paused = wanted

    def _on_assign(self, consumer: Any, partitions: list[Any]) -> None:
        places = [(one.topic, one.partition) for one in partitions]
        self._owned |= set(places)
        self._held |= set(places)
        self._paused |= set(places)
        consumer.assign(partitions)
        if partitions:
            consumer.pause(partitions)
        else:
            self._tell(self._calls.assigned, {})
        self._begun += places

    def _on_revoke(self, _consumer: Any, partitions: list[Any]) -> None:
        places = [(one.topic, one.partition) for one in partitions]
        self._owned -= set(places)
        self._paused -= set(places)
        if self._loop.is_closed() or self._stopped.is_set():
            return
        done = asyncio.run_coroutine_threadsafe(_await(self._calls.revoked(places)), self._loop)
        try:
            done.result(REVOKE_PATIENCE)
        except TimeoutError:
            done.cancel()
        self._commit_now(wait=True)

    def _look_up(self) -> None:
        """Where to go on, and where the log is to be read from, of what was just assigned."""
        places, self._begun = self._begun, []
        places = [place for place in places if place in self._owned]
        if not places:
            return
        try:
            found = self._consumer.committed([TopicPartition(*place) for place in places], LOOK_UP_PATIENCE)
        except KafkaException:
            self._begun = places
            return
        self._tell(self._calls.assigned, {(one.topic, one.partition): (one.offset, one.metadata) for one in found})

    def _commit_now(self, *, wait: bool) -> None:
        commits, self._commits = self._commits, []
        newest = {(one.topic, one.partition): one for one in commits}
        if newest:
            with suppress(KafkaException):
                self._consumer.commit(offsets=list(newest.values()), asynchronous=not wait)

    def _tell(self, call: Callable[..., None], argument: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, argument)


_HOPELESS = frozenset({"_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE", "UNKNOWN_TOPIC_OR_PART", "TOPIC_AUTHORIZATION_FAILED",
                       "GROUP_AUTHORIZATION_FAILED", "FENCED_INSTANCE_ID", "_FATAL"})
"""Faults after which reading on would jump over records, or never succeed."""


async def _await(work: Awaitable[None]) -> None:
    await work
