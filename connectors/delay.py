"""The role `delay`: slices that wait ten seconds before intake looks at them again.

In: `retry-10s-<lane>` (a `Retry` each). Out: `ingest-<lane>`, one envelope per slice, not before its time.
Guarantee: a record's offset is committed only after its slice was acknowledged on `ingest`; killed in between, the slice
is produced again, under the same (chunk, send), which intake and dispatch recognise. Times within a partition are
nearly ascending (all wait equally long, plus jitter), so each partition keeps a small look-ahead and a late record
holds up nothing but the commit. What cannot be decoded is buried; if that fails too, the process ends and comes back.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Any

import structlog

from infra.kafka.client import TopicPartition, make_consumer
from infra.kafka.dead_letter import dead_letter
from infra.kafka.outbox import Outbox
from infra.role import RoleContext
from schemas.codec import DecodeError, decode_as, encode
from schemas.lanes import Lane
from schemas.records import Envelope, RecordError, Retry, check_slice
from schemas.topics import DEAD_LETTER, ingest, retry

LOOK_AHEAD = 2000
log = structlog.get_logger()


class Waiting:
    """The records of one partition that are not due yet, and which offset may be committed."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Retry]] = []
        self._open: set[int] = set()
        self._next = -1

    def add(self, offset: int, record: Retry) -> None:
        """A record as read; offsets ascend."""
        heapq.heappush(self._heap, (record.not_before, offset, record))
        self._open.add(offset)
        self._next = offset + 1

    def skip(self, offset: int) -> None:
        """A record that is done with (buried)."""
        self._next = offset + 1

    def due(self, now: int) -> list[tuple[int, Retry]]:
        """Take out what is due, by time."""
        out = []
        while self._heap and self._heap[0][0] <= now:
            _, offset, record = heapq.heappop(self._heap)
            out.append((offset, record))
        return out

    def done(self, offset: int) -> None:
        """This record's slice is acknowledged."""
        self._open.discard(offset)

    @property
    def committable(self) -> int:
        """The offset before which everything is done; -1 when nothing was read yet."""
        return min(self._open, default=self._next)

    def __len__(self) -> int:
        return len(self._heap)


class Delay:
    """The loop: read, wait, produce, commit."""

    def __init__(self, consumer: Any, outbox: Outbox, now: Callable[[], int]) -> None:
        self._consumer = consumer
        self._outbox = outbox
        self._now = now
        self._waiting: dict[tuple[str, int], Waiting] = {}
        self._paused: set[tuple[str, int]] = set()
        self._committed: dict[tuple[str, int], int] = {}

    async def turn(self) -> None:
        """One round: at most 0.1 s of waiting for records, then everything that is due."""
        for message in await asyncio.to_thread(self._consumer.consume, 200, 0.1):
            if message.error() is not None:
                raise RuntimeError(f"reading {message.topic()} failed: {message.error()}")
            await self._take(message)
        await self._release()
        self._commit()
        self._balance()

    def forget(self, partitions: list[tuple[str, int]]) -> None:
        """These partitions belong to somebody else now."""
        for place in partitions:
            self._waiting.pop(place, None)
            self._committed.pop(place, None)
            self._paused.discard(place)

    async def _take(self, message: Any) -> None:
        waiting = self._waiting.setdefault((message.topic(), message.partition()), Waiting())
        try:
            record = decode_as(message.value(), Retry)
            check_slice(record.slice)
        except (DecodeError, RecordError) as fault:
            key, value, headers = dead_letter(
                message.topic(), message.partition(), message.offset(), message.timestamp()[1], message.key(),
                message.value(), message.headers() or [], error_class=type(fault).__name__, code="undecodable",
                message=str(fault), service="delay")
            await self._outbox.send(DEAD_LETTER, key, value, headers)
            log.warning("buried a record that is no retry", action="buried", topic=message.topic(),
                        partition=message.partition(), offset=message.offset())
            waiting.skip(message.offset())
            return
        waiting.add(message.offset(), record)

    async def _release(self) -> None:
        now = self._now()
        sent = []
        for waiting in self._waiting.values():
            for offset, record in waiting.due(now):
                slice_ = record.slice
                future = self._outbox.send(ingest(Lane(slice_.lane)), (slice_.campaign or slice_.chunk).encode(),
                                           encode(Envelope(slices=[slice_])), [("x-from", b"delay")])
                sent.append((waiting, offset, future))
        for waiting, offset, future in sent:
            await future
            waiting.done(offset)

    def _commit(self) -> None:
        from_here = []
        for place, waiting in self._waiting.items():
            offset = waiting.committable
            if offset > self._committed.get(place, -1):
                from_here.append((*place, offset))
                self._committed[place] = offset
        if from_here:
            self._consumer.commit(offsets=_partitions(from_here), asynchronous=True)

    def _balance(self) -> None:
        """Stop reading partitions whose look-ahead is full, read on when it has emptied."""
        for place, waiting in self._waiting.items():
            full = len(waiting) >= LOOK_AHEAD
            if full and place not in self._paused:
                self._consumer.pause(_partitions([(*place, -1)]))
                self._paused.add(place)
            elif place in self._paused and len(waiting) < LOOK_AHEAD // 2:
                self._consumer.resume(_partitions([(*place, -1)]))
                self._paused.discard(place)


def _partitions(places: list[tuple[str, int, int]]) -> list[Any]:
    return [TopicPartition(topic, partition, offset) for topic, partition, offset in places]


async def run(role: RoleContext) -> None:
    """The role: until `role.stop`. Raises when Kafka refuses a record; the supervisor starts it again."""
    bootstrap = role.settings.kafka.bootstrap or ""
    outbox = Outbox(bootstrap, role.instance, linger_ms=2)
    consumer = make_consumer(bootstrap, "sluice-delay", role.instance)
    delay = Delay(consumer, outbox, lambda: time.time_ns() // 1_000_000)

    def assigned(_consumer: Any, _partitions_: list[Any]) -> None:
        role.ready()

    def revoked(_consumer: Any, partitions: list[Any]) -> None:
        delay.forget([(p.topic, p.partition) for p in partitions])

    consumer.subscribe([retry(lane) for lane in Lane], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
    try:
        while not role.stop.is_set():
            await delay.turn()
    finally:
        await asyncio.to_thread(consumer.close)
        await outbox.close()
