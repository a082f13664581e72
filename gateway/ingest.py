"""Slices to Kafka: singles that arrive together share a record, campaigns fill records; an answer means acks from all.

Enters: slices. Leaves: `Envelope` records on `ingest-<lane>`, of at most 500 slices and 900 kB, key = campaign or message of
the first. Singles wait for nothing: what has come up to the moment when the loop is free, or when one of the few records
in flight is acknowledged, goes out together. A record goes on in the trace of its caller; one that several callers share
is of no one's trace and has no `traceparent`. Refused: `Problem` 503 when too many wait already, or when Kafka does not
acknowledge within ten seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from aiohttp import web

from gateway.http.problem import Problem, unavailable
from infra.kafka.outbox import DeliveryError, Headers, Outbox
from infra.telemetry.metrics import Metrics
from schemas.records.codec import encode
from schemas.records.slice import Slice
from schemas.records.topics import INGEST_PARTITIONS, ingest
from schemas.records.wire import Envelope
from schemas.rules.envelopes import group_slices
from schemas.values.ids import partition_of
from schemas.values.lanes import Lane

MAX_SLICES = 500
MAX_BYTES = 900_000
MAX_WAITING = 20_000
MAX_WAITING_BYTES = 128 * 1024 * 1024
IN_FLIGHT = 5
ANSWER_SECONDS = 9.5
_OVERHEAD = 400
"""Bytes of a slice besides its columns and its texts, at most."""

Waiting = tuple[Slice, "asyncio.Future[None]", str | None]
"""A chunk of single messages, what its caller waits for, and the caller's `traceparent`, if it is one caller."""


class Ingest:
    """The way into `ingest-<lane>`."""

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._queues: dict[tuple[str, int], deque[Waiting]] = {}
        self._in_flight: dict[tuple[str, int], int] = {}
        self._scheduled = False
        self.waiting = 0
        self._waiting_bytes = 0

    async def put_single(self, slice_: Slice, traceparent: str | None) -> None:
        """Return when Kafka has this chunk of one or more single messages. `traceparent`: of its one caller, or None."""
        size = _size(slice_)
        if self.waiting >= MAX_WAITING or self._waiting_bytes + size > MAX_WAITING_BYTES:
            raise unavailable("overloaded", "too many messages wait for Kafka; try again")
        lane_partition = slice_.lane, partition_of(slice_.chunk.encode(), INGEST_PARTITIONS)
        acknowledged: asyncio.Future[None] = self._loop.create_future()
        self._queues.setdefault(lane_partition, deque()).append((slice_, acknowledged, traceparent))
        self.waiting += 1
        self._waiting_bytes += size
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush_all)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await acknowledged
        except (TimeoutError, DeliveryError) as fault:
            raise kafka_away(fault) from None
        finally:
            self.waiting -= 1
            self._waiting_bytes -= size

    async def put_chunks(self, slices: Sequence[Slice], traceparent: str) -> None:
        """Return when Kafka has all these chunks of one campaign."""
        first = slices[0]
        key = (first.campaign or first.chunk).encode()
        sent: list[asyncio.Future[int]] = []
        for part in envelopes(slices):
            if sent:
                # Others have their turn: a record of a million bytes takes a millisecond or two.
                await asyncio.sleep(0)
            sent.append(
                self._outbox.send(ingest(Lane(first.lane)), key, encode(Envelope(slices=part)), _headers(traceparent))
            )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                results = await asyncio.gather(*sent, return_exceptions=True)
        except TimeoutError as fault:
            raise kafka_away(fault) from None
        for result in results:
            self._metrics.count(
                "sluice_ingest_records_total", first.lane, "failed" if isinstance(result, BaseException) else "acknowledged"
            )
        for result in results:
            if isinstance(result, BaseException):
                raise kafka_away(result)

    def _flush_all(self) -> None:
        self._scheduled = False
        for lane_partition, queue in self._queues.items():
            if queue:
                self._flush(lane_partition, queue)
        self._metrics.set("sluice_ingest_waiting", self.waiting)

    def _flush(self, lane_partition: tuple[str, int], queue: deque[Waiting]) -> None:
        lane, partition = lane_partition
        while queue and self._in_flight.get(lane_partition, 0) < IN_FLIGHT:
            batch = _next_batch(queue)
            if not batch:
                return
            self._in_flight[lane_partition] = self._in_flight.get(lane_partition, 0) + 1

            def report(error: str | None, _partition: int, _offset: int, batch: list[Waiting] = batch) -> None:
                self._in_flight[lane_partition] -= 1
                self._metrics.count("sluice_ingest_records_total", lane, "failed" if error else "acknowledged")
                for _, acknowledged, _ in batch:
                    if acknowledged.done():
                        continue
                    if error is None:
                        acknowledged.set_result(None)
                    else:
                        acknowledged.set_exception(DeliveryError(error))
                self._flush(lane_partition, queue)

            self._outbox.post(
                ingest(Lane(lane)),
                batch[0][0].chunk.encode(),
                encode(Envelope(slices=[slice_ for slice_, _, _ in batch])),
                _headers(batch[0][2] if len(batch) == 1 else None),
                partition,
                report,
            )


INGEST: web.AppKey[Ingest] = web.AppKey("ingest", Ingest)


def envelopes(slices: Sequence[Slice]) -> list[list[Slice]]:
    """These slices in their order, in groups that fit into a record."""
    return group_slices(slices, most=MAX_SLICES, most_bytes=MAX_BYTES, size=_size)


def _next_batch(queue: deque[Waiting]) -> list[Waiting]:
    """The next record's singles; those whose client was already told 503 are left out."""
    batch: list[Waiting] = []
    size = 0
    while queue and len(batch) < MAX_SLICES:
        slice_, acknowledged, _ = queue[0]
        if not acknowledged.done():
            size += _size(slice_)
            if batch and size > MAX_BYTES:
                break
            batch.append(queue[0])
        queue.popleft()
    return batch


def _size(slice_: Slice) -> int:
    return len(slice_.sealed) + len(slice_.indexes) + len(slice_.body.encode()) + _OVERHEAD


def _headers(traceparent: str | None) -> Headers:
    """None: the record has several callers."""
    origin = ("x-from", b"gateway")
    return (origin,) if traceparent is None else (origin, ("traceparent", traceparent.encode()))


def kafka_away(fault: BaseException | None) -> Problem:
    """503; None: the time is up."""
    return unavailable("kafka_unavailable", f"Kafka has not acknowledged it: {fault or 'time is up'}")
