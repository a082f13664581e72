"""The file that knows Faust: it brings records to the runners and moves offsets, nothing else.

In: topics with their runners, a group, a stable instance name. Out: each topic's records in batches of what has arrived,
acknowledged in order once the runner has returned. Guarantee: at least once, over kill -9 at any instant.
Why it looks as it does, each line tried with 0.15.3:
- an exception, a cancelled handler and an undecodable value are an *ack* in Faust: so the handler is ours, on a task of
  its own, takes raw bytes, and whatever goes wrong in it ends the process (exit 70, unacknowledged);
- `take` and `concurrency` above 1 lose records: so batches are made here, one at a time for each topic;
- every topic is an agent of its own, and one poll fits into a fifth of its buffer, so a topic that waits (accounts away)
  holds up no other;
- with every buffer full Faust sleeps a second: `PatientConsumer` sleeps five milliseconds;
- a fetch costs half a millisecond at either end: topics that gather are left out while their batch does (`FetchThread`);
- without a committed offset its fetcher dies and the process lingers: `PatientConsumer` ends it with a clear message;
- no tables, no exactly-once, no web server, no declared topics; output goes through our own producer.
A stop is an exit: what was acknowledged is committed if that takes no time, the rest comes again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

import faust
import structlog
import uvloop
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.tables.manager import TableManager
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from infra.kafka.records import ConsumerRecord
from infra.kafka.security import Cluster
from infra.runtime.private_files import make_private_folder
from streams.acknowledging import InOrder
from streams.faust_credentials import broker_settings
from streams.missed_fetches import look_again
from streams.next_batch import next_batch

log = structlog.get_logger()

FAILED = 70
COMMIT_SECONDS = 0.5
FULL_PAUSE = 0.005
POLL_RECORDS = 200
BUFFER_RECORDS = 1024
WATCH_SECONDS = 0.5
FETCHED_AFTER = 0.75


class Source(NamedTuple):
    """A topic, what handles its batches (and gives what is left to wait for before they are acknowledged), how many records
    a batch has at most. `gather`: seconds to wait for more before a batch that is not full."""

    topic: str
    run: Callable[[Sequence[ConsumerRecord]], Awaitable[Awaitable[None] | None]]
    batch: int
    gather: float = 0.0


class FetchThread(AIOKafkaConsumerThread):
    """Faust's thread that fetches. Once topics that gather have brought a little, all that gather are left alone for
    `FETCHED_AFTER` of that time: what they bring then is in time for the same batch."""

    _resting = False
    _mended: Any = None

    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: float | None = None, max_records: int | None = None
    ) -> Any:
        if self._mended is not consumer._fetcher:
            self._mended = consumer._fetcher
            look_again(consumer._fetcher)
        records = await super()._fetch_records(consumer, active_partitions, timeout=timeout, max_records=max_records)
        gather = cast(PatientTransport, self.consumer.transport).gather
        seconds = FETCHED_AFTER * min((gather[tp.topic] for tp in records if tp.topic in gather), default=0.0)
        if seconds and not self._resting and sum(map(len, records.values())) < POLL_RECORDS:
            resting = [tp for tp in consumer.assignment() if tp.topic in gather]
            # Trap: what is fetched and not handed out when its partition is paused is thrown away and fetched again.
            if consumer._fetcher._records.keys().isdisjoint(resting):
                self._rest(consumer, resting, seconds)
        return records

    def _rest(self, consumer: Any, resting: Sequence[Any], seconds: float) -> None:
        fetcher = consumer._fetcher
        consumer.pause(*resting)
        # Trap: a partition that is resumed waits for the end of the fetch that is under way without it.
        usual, fetcher._fetch_max_wait_ms = fetcher._fetch_max_wait_ms, round(seconds * 1000)
        self._resting = True
        asyncio.get_running_loop().call_later(seconds, self._rested, consumer, resting, usual)

    def _rested(self, consumer: Any, resting: Sequence[Any], usual: int) -> None:
        self._resting = False
        consumer._fetcher._fetch_max_wait_ms = usual
        ours = consumer.assignment()
        consumer.resume(*(tp for tp in resting if tp in ours))


class PatientConsumer(Consumer):
    """Faust's consumer, without the second of sleep and without the silence about missing offsets."""

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    async def _wait_next_records(self, timeout: float) -> Any:
        if self.flow_active and not self.app.client_only and not self._get_active_partitions():
            await self.sleep(FULL_PAUSE)
            return {}, set()
        return await super()._wait_next_records(timeout)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        try:
            return await super()._getmany(active_partitions, timeout)
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as fault:
            end_process(
                f"group {self.app.conf.id} has no valid offset for {fault}: run `sluice topics apply`, "
                "or set the group's offsets",
                "no_offset",
            )


class PatientTransport(Transport):
    """Faust's transport with our consumer. `gather`: the topics that gather, and for how many seconds."""

    Consumer = PatientConsumer
    gather: Mapping[str, float] = {}


class UntabledManager(TableManager):
    """Faust's keeper of tables, without the second it waits at each start for tables to be named: there are none."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class BatchQueue:
    """Between Faust's stream and a runner: a queue, and one task that empties it batch by batch."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._queue: deque[Any] = deque()
        self._work = asyncio.Event()
        self._room = asyncio.Event()

    async def read(self, stream: Any) -> None:
        """The agent: events into the queue; the stream waits while the queue is full."""
        # Trap: `noack()` leaves this stream as it is and returns another; iterated, this one would acknowledge each record
        # as soon as the next is asked for, long before it is handled.
        stream.enable_acks = False
        task = asyncio.create_task(self._guarded(stream), name=f"batches of {self._source.topic}")
        try:
            async for event in stream.events():
                self._queue.append(event)
                self._work.set()
                while len(self._queue) >= self._source.batch:
                    self._room.clear()
                    await self._room.wait()
        finally:
            task.cancel()

    async def _guarded(self, acks: Any) -> None:
        try:
            order = InOrder(acks.ack)
            await asyncio.gather(self._empty(order), order.run())
        # why: back in Faust an exception would be an ack of what was not handled. A cancellation that nobody here asked for
        # would end this task without a word, and the stage would stand still for ever.
        except (Exception, asyncio.CancelledError) as fault:
            task = asyncio.current_task()
            if isinstance(fault, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            log.exception("a batch could not be finished", action="burst_unfinished", topic=self._source.topic)
            end_process(f"{self._source.topic}: {type(fault).__name__}: {fault}", "burst_unfinished")

    async def _empty(self, order: InOrder) -> None:
        queue, batch, gather = self._queue, self._source.batch, self._source.gather
        while True:
            if not queue:
                self._work.clear()
                await self._work.wait()
            if gather and len(queue) < batch:
                await asyncio.sleep(gather)
            events = next_batch(queue, batch)
            self._room.set()
            await order.add(events, await self._source.run([_inbound(event.message) for event in events]))


async def run_sources(
    sources: Sequence[Source],
    *,
    cluster: Cluster,
    group: str,
    instance: str,
    folder: Path,
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Read until `stop`; then commit and return. Whatever cannot be mended in place ends the process with 70.

    `folder`: where Faust makes folders that stay empty.
    """
    # Trap: Faust's consumer thread makes its own loop from the policy, not from the running one.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    app = make_app(cluster=cluster, group=group, instance=instance, folder=folder)
    app.transport.gather = {source.topic: source.gather for source in sources if source.gather}
    for source in sources:
        app.agent(app.topic(source.topic, allow_empty=True), name=source.topic, concurrency=1)(BatchQueue(source).read)
    app.on_partitions_assigned.connect(_call(ready), weak=False)
    # Trap: an app that runs inside a foreign loop is finalised by nobody else.
    app.finalize()
    await app.start()
    while not stop.is_set():
        if app.crashed or app.should_stop:
            end_process(f"Faust has stopped: {app.crash_reason!r}", "faust_stopped")
        try:
            await asyncio.wait_for(stop.wait(), WATCH_SECONDS)
        except TimeoutError:
            continue
    await _commit(app)


def make_app(*, cluster: Cluster, group: str, instance: str, folder: Path) -> Any:
    """An app with everything switched off that is not reading."""
    make_private_folder(folder)
    app = faust.App(
        group,
        **broker_settings(cluster),
        autodiscover=False,
        # Trap: Faust takes braces in it for fields to fill.
        datadir=str(folder).replace("{", "{{").replace("}", "}}"),
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="none",
        consumer_group_instance_id=instance,
        broker_client_id=instance,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_request_timeout=30.0,
        broker_max_poll_interval=300.0,
        broker_max_poll_records=POLL_RECORDS,
        broker_commit_interval=COMMIT_SECONDS,
        stream_buffer_maxsize=BUFFER_RECORDS,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        worker_redirect_stdouts=False,
        TableManager=UntabledManager,
    )
    app.transport = PatientTransport(app.conf.broker_consumer, app)
    return app


def end_process(sentence: str, action: str) -> Any:
    """Say why and end at once, unacknowledged; the supervisor starts the role again."""
    log.error(sentence, action=action)
    with suppress(OSError):  # a full disk must not keep it alive
        sys.stderr.flush()
    os._exit(FAILED)


def _inbound(message: Any) -> ConsumerRecord:
    return ConsumerRecord(
        message.topic,
        message.partition,
        message.offset,
        round((message.timestamp or 0) * 1000),
        message.key,
        message.value,
        _headers(message.headers),
    )


def _headers(headers: Any) -> list[tuple[str, bytes]]:
    return list(headers.items()) if isinstance(headers, dict) else list(headers or ())


def _call(ready: Callable[[], None]) -> Callable[..., Awaitable[None]]:
    async def assigned(*_args: object, **_kwargs: object) -> None:
        ready()

    return assigned


async def _commit(app: Any) -> None:
    """The offsets of what is acknowledged, if Kafka takes them within a second; else they come again."""
    try:
        await asyncio.wait_for(app.consumer.commit(), 1.0)
    except Exception as fault:  # noqa: BLE001  why: the process ends now either way, and repeats are harmless
        log.info("the last offsets were not committed", action="last_commit", fault=repr(fault))
