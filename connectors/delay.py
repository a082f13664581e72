"""The role `delay`: slices that wait ten seconds before intake looks at them again.

In: `retry-10s-<lane>` (a `Retry` each). Out: `ingest-<lane>`, one envelope per slice, not before its time.
Guarantee: a record's offset is committed only after its slice was acknowledged on `ingest`; killed in between, the slice
is produced again, under the same (chunk, send), which intake and dispatch recognise. Times within a partition are
nearly ascending (all wait equally long, plus jitter), so each partition keeps a small look-ahead and a late record
holds up nothing but the commit. What cannot be decoded is buried; if that fails too, the process ends and comes back.
With Kafka away, slices that are due stay and are offered again; after `GIVE_UP` seconds the process ends.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from infra.kafka.client import KafkaException, TopicPartition, make_consumer
from infra.kafka.dead_letter import dead_letter
from infra.kafka.outbox import DeliveryError, Outbox
from infra.runtime.role import RoleContext
from schemas.records.codec import DecodeError, decode_as, encode
from schemas.records.slice import RecordError, check_slice
from schemas.records.topics import DEAD_LETTER, ingest, retry
from schemas.records.wire import Envelope, Retry
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

LOOK_AHEAD = 2000
LOOK_AHEAD_BYTES = 8_000_000
LONGEST_WAIT = 60.0
"""Seconds. Whatever a record says: no clock that is wrong may keep a slice, and with it the commit, for ever."""

GIVE_UP = 30.0
_PASSING = frozenset({"_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE", "_PARTITION_EOF"})
Place = tuple[str, int]
log = structlog.get_logger()


class Parcel(NamedTuple):
    """A slice that waits: when it is due (seconds of the steady clock), where it was read, what will be produced."""

    due: float
    offset: int
    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Waiting:
    """The parcels of one partition that have not left yet, and which offset may be committed."""

    def __init__(self) -> None:
        self._heap: list[Parcel] = []
        self._open: set[int] = set()
        self._next = -1
        self.bytes = 0

    def add(self, parcel: Parcel) -> None:
        """A parcel as read; offsets ascend."""
        self._open.add(parcel.offset)
        self._next = parcel.offset + 1
        self.put_back(parcel)

    def put_back(self, parcel: Parcel) -> None:
        """A parcel that was taken out and was not acknowledged."""
        heapq.heappush(self._heap, parcel)
        self.bytes += len(parcel.value)

    def skip(self, offset: int) -> None:
        """A record that is done with (buried)."""
        self._next = offset + 1

    def take_due(self, now: float) -> list[Parcel]:
        """Take out what is due, by time."""
        out = []
        while self._heap and self._heap[0].due <= now:
            out.append(heapq.heappop(self._heap))
        self.bytes -= sum(len(parcel.value) for parcel in out)
        return out

    def done(self, offset: int) -> None:
        """This parcel is acknowledged."""
        self._open.discard(offset)

    @property
    def committable(self) -> int:
        """The offset before which everything is done; -1 when nothing was read yet."""
        return min(self._open, default=self._next)

    @property
    def fullness(self) -> float:
        """1 and more: read no further."""
        return max(len(self._heap) / LOOK_AHEAD, self.bytes / LOOK_AHEAD_BYTES)


class Delay:
    """The loop: read, wait, produce, commit. `wall`: seconds since 1970; `steady`: seconds that never jump."""

    def __init__(self, consumer: Any, outbox: Outbox, *, wall: Callable[[], float],
                 steady: Callable[[], float]) -> None:
        self._consumer = consumer
        self._outbox = outbox
        self._wall = wall
        self._steady = steady
        self._waiting: dict[Place, Waiting] = {}
        self._paused: set[Place] = set()
        self._fresh: set[Place] = set()
        self._committed: dict[Place, int] = {}
        self._failing_since: float | None = None

    async def turn(self) -> None:
        """One round: at most 0.1 s of waiting for records, then everything that is due."""
        for message in await asyncio.to_thread(self._consumer.consume, 200, 0.1):
            if message.error() is None:
                await self._take(message)
            elif message.error().name() not in _PASSING:
                raise RuntimeError(f"reading the retries failed: {message.error()}")
        await self._release()
        await self._commit()
        self._balance()

    def welcome(self, places: list[Place]) -> None:
        """These partitions are ours from now on, from their committed offset."""
        for place in places:
            self._waiting[place] = Waiting()
            # Trap: a pause can outlive a change of owners, and here it is too early to resume: the turn does it.
            self._fresh.add(place)

    def forget(self, places: list[Place]) -> None:
        """These partitions belong to somebody else now."""
        for place in places:
            self._waiting.pop(place, None)
            self._committed.pop(place, None)
            self._paused.discard(place)
            self._fresh.discard(place)

    async def _take(self, message: Any) -> None:
        waiting = self._waiting.get((message.topic(), message.partition()))
        if waiting is None:
            return
        try:
            record = decode_as(message.value(), Retry)
            check_slice(record.slice)
        except (DecodeError, RecordError) as fault:
            await self._bury(message, fault)
            waiting.skip(message.offset())
            return
        waiting.add(self._parcel(message, record))

    def _parcel(self, message: Any, record: Retry) -> Parcel:
        slice_ = record.slice
        wait = min(max(record.not_before / 1000 - self._wall(), 0.0), LONGEST_WAIT)
        traced = [header for header in message.headers() or [] if header[0] == "traceparent"]
        return Parcel(due=self._steady() + wait, offset=message.offset(), topic=ingest(Lane(slice_.lane)),
                      key=(slice_.campaign or slice_.chunk).encode(), value=encode(Envelope(slices=[slice_])),
                      headers=[*traced, ("x-from", b"delay")])

    async def _bury(self, message: Any, fault: ValueError) -> None:
        key, value, headers = dead_letter(
            message.topic(), message.partition(), message.offset(), message.timestamp()[1], message.key(),
            message.value(), message.headers(), error_class=type(fault).__name__, code=Reason.UNDECODABLE,
            message=str(fault), service="delay")
        await self._outbox.send(DEAD_LETTER, key, value, headers)
        log.warning("buried a record that is no retry", action="buried", topic=message.topic(),
                    partition=message.partition(), offset=message.offset())

    async def _release(self) -> None:
        now = self._steady()
        sent = [(waiting, parcel, self._outbox.send(parcel.topic, parcel.key, parcel.value, parcel.headers))
                for waiting in self._waiting.values() for parcel in waiting.take_due(now)]
        if not sent:
            return
        answers = await asyncio.gather(*(future for _, _, future in sent), return_exceptions=True)
        faults = []
        for (waiting, parcel, _), answer in zip(sent, answers, strict=True):
            if isinstance(answer, BaseException):
                waiting.put_back(parcel)
                faults.append(answer)
            else:
                waiting.done(parcel.offset)
        self._judge(faults, now)

    def _judge(self, faults: list[BaseException], now: float) -> None:
        """Go on while Kafka's refusals may pass; raise what is no refusal, and when they last too long."""
        if not faults:
            self._failing_since = None
            return
        other = [fault for fault in faults if not isinstance(fault, DeliveryError)]
        if other:
            raise other[0]
        if self._failing_since is None:
            self._failing_since = now
            log.warning("Kafka does not take what is due; it is offered again", action="not_submitted",
                        slices=len(faults), error=str(faults[0]))
        if self._steady() - self._failing_since > GIVE_UP:
            raise faults[0]

    async def _commit(self) -> None:
        moved = {place: waiting.committable for place, waiting in self._waiting.items()
                 if waiting.committable > self._committed.get(place, -1)}
        if not moved:
            return
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in moved.items()]
        try:
            answers = await asyncio.to_thread(self._consumer.commit, offsets=offsets, asynchronous=False)
        except KafkaException as fault:
            # The offsets stay uncommitted here too, so that the next turn tries again.
            log.warning("offsets could not be committed; tried again", action="commit_failed", error=str(fault))
            return
        for answer in answers:
            if answer.error is None:
                self._committed[answer.topic, answer.partition] = answer.offset

    def _balance(self) -> None:
        """Stop reading partitions whose look-ahead is full, read on when it has emptied."""
        if self._fresh:
            self._consumer.resume([TopicPartition(*place) for place in self._fresh])
            self._fresh.clear()
        for place, waiting in self._waiting.items():
            if waiting.fullness >= 1 and place not in self._paused:
                self._consumer.pause([TopicPartition(*place)])
                self._paused.add(place)
            elif waiting.fullness < 0.5 and place in self._paused:
                self._consumer.resume([TopicPartition(*place)])
                self._paused.discard(place)


async def run(role: RoleContext) -> None:
    """The role: until `role.stop`. Raises when Kafka refuses for good; the supervisor starts it again."""
    bootstrap = role.settings.kafka.bootstrap or ""
    outbox = Outbox(bootstrap, role.instance, linger_ms=2)
    consumer = make_consumer(bootstrap, "sluice-delay", role.instance)
    delay = Delay(consumer, outbox, wall=time.time, steady=time.monotonic)

    def assigned(_consumer: Any, partitions: list[Any]) -> None:
        delay.welcome(_places(partitions))
        role.ready()

    def revoked(_consumer: Any, partitions: list[Any]) -> None:
        delay.forget(_places(partitions))

    consumer.subscribe([retry(lane) for lane in Lane], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
    try:
        while not role.stop.is_set():
            await delay.turn()
    finally:
        await asyncio.to_thread(consumer.close)
        await outbox.close()


def _places(partitions: list[Any]) -> list[Place]:
    return [(partition.topic, partition.partition) for partition in partitions]
