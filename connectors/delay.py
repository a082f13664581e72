"""The role `delay`: slices that wait ten seconds before intake looks at them again.

In: `retry-10s-<lane>` (a `Retry` each). Out: `ingest-<lane>`, one envelope per slice, not before its time. Guarantee: a
record's offset is committed only after its slice was acknowledged on `ingest`; killed in between, the slice is produced
again, under the same (chunk, send), which intake and dispatch recognise. Times within a partition are nearly ascending (all
wait equally long, plus jitter), so each partition keeps a small look-ahead and a late record holds up nothing but the
commit. What cannot be decoded becomes a dead letter; if that fails too, the process ends and comes back. With Kafka away,
slices that are due stay and are offered again; after `GIVE_UP` seconds the process ends.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from infra.kafka.client import KafkaException, make_consumer
from infra.kafka.dead_letter import dead_letter
from infra.kafka.outbox import DeliveryError, Outbox
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.kafka.subscription import Subscription
from infra.runtime.role import RoleContext
from schemas.records.codec import DecodeError, decode_as, encode
from schemas.records.slice import RecordError, check_slice
from schemas.records.topics import ingest, retry
from schemas.records.wire import Envelope, Retry
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

LOOK_AHEAD = 2000
LOOK_AHEAD_BYTES = 8_000_000
LONGEST_WAIT = 60.0
"""Seconds. Whatever a record says: no clock that is wrong may keep a slice, and with it the commit, for ever."""

FETCH_WAIT_MS = 1000
"""A partition that was held and goes on waits so long at most; it has a thousand slices left by then."""
IDLE_SECONDS = 0.5
LEAST_SECONDS = 0.1
"""A turn waits at least so long, that those which are due at about the same time go together."""
GIVE_UP = 30.0
log = structlog.get_logger()


class DelayedSlice(NamedTuple):
    """A slice that waits: when it is due (seconds of the steady clock), where it was read, what will be produced."""

    due: float
    offset: int
    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class WaitingPartition:
    """The slices of one partition that have not left yet, and which offset may be committed."""

    def __init__(self) -> None:
        self._heap: list[DelayedSlice] = []
        self._open: set[int] = set()
        self._next = -1
        self.bytes = 0

    def enqueue(self, slice_: DelayedSlice) -> None:
        """A slice as read; offsets ascend."""
        self._open.add(slice_.offset)
        self._next = slice_.offset + 1
        self.put_back(slice_)

    def put_back(self, slice_: DelayedSlice) -> None:
        """A slice that was taken out and was not acknowledged."""
        heapq.heappush(self._heap, slice_)
        self.bytes += len(slice_.value)

    def skip(self, offset: int) -> None:
        """A record that is done with: it became a dead letter."""
        self._next = offset + 1

    def take_due(self, now: float) -> list[DelayedSlice]:
        """Take out what is due, by time."""
        out = []
        while self._heap and self._heap[0].due <= now:
            out.append(heapq.heappop(self._heap))
        self.bytes -= sum(len(slice_.value) for slice_ in out)
        return out

    def done(self, offset: int) -> None:
        """This slice is acknowledged."""
        self._open.discard(offset)

    @property
    def committable(self) -> int:
        """The offset before which everything is done; -1 when nothing was read yet."""
        return min(self._open, default=self._next)

    @property
    def next_due(self) -> float:
        """When the next slice is due; infinite without any."""
        return self._heap[0].due if self._heap else math.inf

    @property
    def fullness(self) -> float:
        """1 and more: read no further."""
        return max(len(self._heap) / LOOK_AHEAD, self.bytes / LOOK_AHEAD_BYTES)


class Delay:
    """The loop: read, wait, produce, commit. `wall`: seconds since 1970; `steady`: seconds that never jump."""

    def __init__(
        self,
        consumer: Any,
        outbox: Outbox,
        *,
        wall: Callable[[], float],
        steady: Callable[[], float],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._subscription = Subscription(consumer, assigned=self.welcome, revoked=self.forget)
        self._ready = ready
        self._outbox = outbox
        self._wall = wall
        self._steady = steady
        self._waiting: dict[PartitionKey, WaitingPartition] = {}
        self._committed: dict[PartitionKey, int] = {}
        self._failing_since: float | None = None

    async def turn(self) -> None:
        """One round: at most `patience` of waiting for records, then everything that is due."""
        for record in await asyncio.to_thread(self._subscription.consume, 200, self.patience()):
            await self._read(record)
        await self._release()
        await self._commit()
        self._balance()

    def patience(self) -> float:
        """Seconds to wait for records: no longer than until the next slice is due."""
        next_due = min((waiting.next_due for waiting in self._waiting.values()), default=math.inf)
        return min(IDLE_SECONDS, max(LEAST_SECONDS, next_due - self._steady()))

    def join(self) -> None:
        """Become a member of the group, before the first turn."""
        self._subscription.join([retry(lane) for lane in Lane])

    async def leave(self) -> None:
        """After the last turn."""
        await asyncio.to_thread(self._subscription.close)

    def welcome(self, places: list[PartitionKey]) -> None:
        """These partitions are ours from now on, from their committed offset."""
        for place in places:
            self._waiting[place] = WaitingPartition()
        self._ready()

    def forget(self, places: list[PartitionKey]) -> None:
        """These partitions belong to somebody else now."""
        for place in places:
            self._waiting.pop(place, None)
            self._committed.pop(place, None)

    async def _read(self, record: ConsumerRecord) -> None:
        waiting = self._waiting.get((record.topic, record.partition))
        if waiting is None:
            return
        try:
            retried = decode_as(record.value, Retry)
            check_slice(retried.slice)
        except (DecodeError, RecordError) as fault:
            await self._outbox.send(*dead_letter(record, fault, code=Reason.UNDECODABLE, service="delay"))
            log.warning(
                "wrote a dead letter that is no retry",
                action="dead_letter",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )
            waiting.skip(record.offset)
            return
        waiting.enqueue(self._delayed(record, retried))

    def _delayed(self, record: ConsumerRecord, retried: Retry) -> DelayedSlice:
        slice_ = retried.slice
        wait = min(max(retried.not_before / 1000 - self._wall(), 0.0), LONGEST_WAIT)
        traced = [header for header in record.headers if header[0] == "traceparent"]
        return DelayedSlice(
            due=self._steady() + wait,
            offset=record.offset,
            topic=ingest(Lane(slice_.lane)),
            key=(slice_.campaign or slice_.chunk).encode(),
            value=encode(Envelope(slices=[slice_])),
            headers=[*traced, ("x-from", b"delay")],
        )

    async def _release(self) -> None:
        now = self._steady()
        sent = [
            (waiting, slice_, self._outbox.send(slice_.topic, slice_.key, slice_.value, slice_.headers))
            for waiting in self._waiting.values()
            for slice_ in waiting.take_due(now)
        ]
        if not sent:
            return
        answers = await asyncio.gather(*(future for _, _, future in sent), return_exceptions=True)
        faults = []
        for (waiting, slice_, _), answer in zip(sent, answers, strict=True):
            if isinstance(answer, BaseException):
                waiting.put_back(slice_)
                faults.append(answer)
            else:
                waiting.done(slice_.offset)
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
            log.warning(
                "Kafka does not take what is due; it is offered again",
                action="not_submitted",
                slices=len(faults),
                error=str(faults[0]),
            )
        if self._steady() - self._failing_since > GIVE_UP:
            raise faults[0]

    async def _commit(self) -> None:
        moved = {
            place: waiting.committable
            for place, waiting in self._waiting.items()
            if waiting.committable > self._committed.get(place, -1)
        }
        if not moved:
            return
        try:
            committed = await asyncio.to_thread(self._subscription.commit, {place: (at, "") for place, at in moved.items()})
        except KafkaException as fault:
            # The offsets stay uncommitted here too, so that the next turn tries again.
            log.warning("offsets could not be committed; tried again", action="commit_failed", error=str(fault))
            return
        for place in committed:
            self._committed[place] = moved[place]

    def _balance(self) -> None:
        """Stop reading partitions whose look-ahead is full, read on when it has emptied."""
        for place, waiting in self._waiting.items():
            if waiting.fullness >= 1:
                self._subscription.hold(place)
            elif waiting.fullness < 0.5:
                self._subscription.release(place)


async def run(role: RoleContext) -> None:
    """The role: until `role.stop`. Raises when Kafka refuses for good; the supervisor starts it again."""
    bootstrap = role.settings.kafka.bootstrap or ""
    outbox = Outbox(bootstrap, role.instance, linger_ms=2)
    delay = Delay(
        make_consumer(bootstrap, "sluice-delay", role.instance, **{"fetch.wait.max.ms": FETCH_WAIT_MS}),
        outbox,
        wall=time.time,
        steady=time.monotonic,
        ready=role.ready,
    )
    delay.join()
    try:
        while not role.stop.is_set():
            await delay.turn()
    finally:
        await delay.leave()
        await outbox.close()
