"""The role `delay`: slices that wait on a rung of the ladder before intake looks at them again.

In: `retry-10s-<lane>`, `retry-1m-<lane>`, `retry-10m-<lane>` (a `Retry` each). Out: `ingest-<lane>`, one envelope per slice,
not before its time. Guarantee: a record's offset is committed only after its slice was acknowledged on `ingest`; killed in
between, the slice is produced again, under the same (chunk, send), which intake and dispatch recognise. One consumer
reads all rungs and lanes; each partition is read ahead, and held, by itself (`look_ahead.py`), so none waits for another,
and one that is held stays ours. A late record holds up nothing but the commit. What cannot be decoded becomes a dead letter;
if that fails too, the process ends and comes back. With Kafka away, slices that are due stay and are offered again; after
`GIVE_UP` seconds the process ends. A clock that is put forward sends nothing early for five minutes (`GuardedClock`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import structlog

from connectors.canceled_retries import CanceledRetries
from connectors.look_ahead import DelayedSlice, WaitingPartition, most_bytes
from infra.kafka.client import KafkaException, make_consumer
from infra.kafka.command_cache import CommandCache
from infra.kafka.dead_letter import dead_letter
from infra.kafka.outbox import DeliveryError, Outbox
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.kafka.subscription import Subscription
from infra.runtime.clock import GuardedClock
from infra.runtime.role import RoleContext
from schemas.records.codec import DecodeError, decode_as, encode
from schemas.records.slice import RecordError, check_slice
from schemas.records.topics import ingest, retry
from schemas.records.wire import Envelope, Retry
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason
from schemas.values.rungs import Rung

RUNG_OF = {retry(lane, rung): rung for lane in Lane for rung in Rung}
CLOCK_SLACK = 50.0
"""Seconds beyond its rung: no record of a clock that was wrong keeps a slice, and with it the commit, for longer."""

FETCH_WAIT_MS = 1000
"""A partition that was held and goes on waits so long at most; what is unread then is due seconds later."""
IDLE_SECONDS = 0.5
LEAST_SECONDS = 0.1
"""A turn waits at least so long, that those which are due at about the same time go together."""
GIVE_UP = 30.0
log = structlog.get_logger()


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
        records = await asyncio.to_thread(self._subscription.consume, 200, self.patience())
        # Together, so that much poison on one rung takes the others little time; none is committed before.
        await asyncio.gather(*(buried for record in records if (buried := self._read(record)) is not None))
        await self._release()
        await self._commit()
        self._balance()

    @property
    def places(self) -> list[PartitionKey]:
        """The partitions that are ours."""
        return list(self._waiting)

    def patience(self) -> float:
        """Seconds to wait for records: no longer than until the next slice is due."""
        next_due = min((waiting.next_due for waiting in self._waiting.values()), default=math.inf)
        return min(IDLE_SECONDS, max(LEAST_SECONDS, next_due - self._steady()))

    def join(self) -> None:
        """Become a member of the group, before the first turn."""
        self._subscription.join(RUNG_OF)

    async def leave(self) -> None:
        """After the last turn."""
        await asyncio.to_thread(self._subscription.close)

    def welcome(self, places: list[PartitionKey]) -> None:
        """These partitions are ours from now on, from their committed offset."""
        for place in places:
            self._waiting[place] = WaitingPartition(RUNG_OF[place[0]])
        self._ready()

    def forget(self, places: list[PartitionKey]) -> None:
        """These partitions belong to somebody else now."""
        for place in places:
            self._waiting.pop(place, None)
            self._committed.pop(place, None)

    def _read(self, record: ConsumerRecord) -> asyncio.Future[int] | None:
        """Let it wait; what is no retry is on its way to the dead letters."""
        waiting = self._waiting.get((record.topic, record.partition))
        if waiting is None:
            return None
        try:
            retried = decode_as(record.value, Retry)
            check_slice(retried.slice)
        except (DecodeError, RecordError) as fault:
            log.warning(
                "a record that is no retry becomes a dead letter",
                action="dead_letter",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )
            waiting.skip(record.offset)
            return self._outbox.send(*dead_letter(record, fault, code=Reason.UNDECODABLE, service="delay"))
        waiting.enqueue(self._delayed(record, retried), self._steady())
        return None

    def _delayed(self, record: ConsumerRecord, retried: Retry) -> DelayedSlice:
        slice_ = retried.slice
        wait = min(max(retried.not_before / 1000 - self._wall(), 0.0), longest_wait(RUNG_OF[record.topic]))
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
        now = self._steady()
        most = most_bytes(sum(waiting.bytes for waiting in self._waiting.values()), len(self._waiting))
        for place, waiting in self._waiting.items():
            fullness = waiting.fullness(now, most)
            if fullness >= 1:
                self._subscription.hold(place)
            elif fullness < 0.5:
                self._subscription.release(place)


def longest_wait(rung: Rung) -> float:
    """Seconds that anything waits there at most."""
    return (rung.wait_ms + rung.jitter_ms) / 1000 + CLOCK_SLACK


async def _beside(commands: CommandCache, canceled: CanceledRetries) -> None:
    """Retries do not wait for the commands."""
    await commands.start()
    await canceled.run()


async def run(role: RoleContext) -> None:
    """The role: until `role.stop`. Raises when Kafka refuses for good; the supervisor starts it again."""
    cluster = role.settings.kafka
    outbox = Outbox(cluster, role.instance, linger_ms=2)
    clock = GuardedClock()
    delay = Delay(
        make_consumer(cluster, "sluice-delay", role.instance, **{"fetch.wait.max.ms": FETCH_WAIT_MS}),
        outbox,
        wall=lambda: clock.now() / 1000,
        steady=time.monotonic,
        ready=role.ready,
    )
    canceled = CanceledRetries(
        cluster,
        outbox,
        places=lambda: delay.places,
        longest_wait=lambda topic: longest_wait(RUNG_OF[topic]),
        now=clock.now,
    )
    commands = CommandCache(cluster, on_command=canceled.on_command)
    delay.join()
    beside = asyncio.create_task(_beside(commands, canceled), name="canceled-retries")
    try:
        while not role.stop.is_set():
            await delay.turn()
            if beside.done():
                beside.result()  # raises: it never ends by itself
    finally:
        beside.cancel()
        await commands.stop()
        await delay.leave()
        await outbox.close()
