"""The way out to Kafka for asyncio code: `send` hands bytes over and gives a future of the delivery report.

In: topic, key, value, headers. Out: a future that resolves to the offset, or fails with `DeliveryError` when Kafka did
not acknowledge within the producer's time-out; a full queue, or a record that the client refuses (one that is too
large), fails it at once: no call raises. One poll thread wakes the loop once per batch of reports, so that a report
costs about a microsecond.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from infra.kafka.client import Cluster, KafkaException, make_producer
from infra.kafka.records import ProducerRecord

Headers = Sequence[tuple[str, bytes]]
Report = Callable[[str | None, int, int], None]

POLL_SECONDS = 0.5
"""A report ends it at once."""

OPEN_SECONDS = 2.0

_REFUSALS = (BufferError, KafkaException)


class DeliveryError(RuntimeError):
    """Kafka did not take a record; the message is Kafka's."""


class Outbox:
    """One producer with a poll thread; to be made inside a running loop and closed once."""

    def __init__(self, cluster: Cluster, client_id: str, *, linger_ms: float = 0) -> None:
        self._producer = make_producer(cluster, client_id, linger_ms=linger_ms, polled=True)
        self._loop = asyncio.get_running_loop()
        self._reports: deque[tuple[Report, str | None, int, int]] = deque()
        self._scheduled = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka-poll", daemon=True)
        self._thread.start()

    async def open(self, topics: Sequence[str]) -> None:
        """Connect, and learn where these topics are: the first record need not wait for it. With Kafka away it does."""
        await asyncio.to_thread(self._learn, topics)

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = (), partition: int = -1
    ) -> asyncio.Future[int]:
        """The offset once Kafka has acknowledged; fails with DeliveryError otherwise."""
        future: asyncio.Future[int] = self._loop.create_future()

        def resolve(error: str | None, _partition: int, offset: int) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(offset)
            else:
                future.set_exception(DeliveryError(f"{topic}: {error}"))

        self.post(topic, key, value, headers, partition, resolve)
        return future

    def post(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int, report: Report
    ) -> None:
        """As `send`, but calls `report(error, partition, offset)` on the loop instead of making a future."""

        def delivered(error: Any, message: Any) -> None:
            self._reports.append((report, None if error is None else str(error), message.partition(), message.offset()))
            self._wake()

        try:
            self._producer.produce(
                topic, value=value, key=key, headers=list(headers) or None, partition=partition, on_delivery=delivered
            )
        except _REFUSALS as fault:
            self._loop.call_soon(report, _sentence(fault), -1, -1)

    def send_all(self, records: Sequence[ProducerRecord]) -> asyncio.Future[None]:
        """One future for many records: done when Kafka has acknowledged them all, else failed with the first fault.

        Costs about half of `post` per record: one callback object for all, one wake-up of the loop.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        left = len(records)

        def finish(error: str | None) -> None:
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(DeliveryError(error))

        def delivered(error: Any, message: Any) -> None:
            nonlocal left
            left -= 1
            if error is not None:
                self._loop.call_soon_threadsafe(finish, f"{message.topic()}: {error}")
            elif left == 0:
                self._loop.call_soon_threadsafe(finish, None)

        produce: Any = self._producer.produce
        try:
            for topic, key, value, headers, partition in records:
                produce(topic, value, key, partition, delivered, headers=headers or None)
        except _REFUSALS as fault:
            finish(_sentence(fault))
        if not records:
            finish(None)
        return future

    async def flush(self) -> None:
        """Wait until everything handed over so far is reported."""
        # The client tells nobody that its queue has emptied: it is asked.
        while len(self._producer) or self._reports:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    async def close(self) -> None:
        """Flush and have the thread end; it needs up to `POLL_SECONDS` more and has nothing left to report."""
        await self.flush()
        self._stopped.set()

    def _learn(self, topics: Sequence[str]) -> None:
        with suppress(KafkaException):
            for topic in topics:
                self._producer.list_topics(topic, OPEN_SECONDS)

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self._producer.poll(POLL_SECONDS)

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        reports = self._reports
        while reports:
            report, error, partition, offset = reports.popleft()
            report(error, partition, offset)


def _sentence(fault: Exception) -> str:
    """Why the client did not even take a record."""
    return "the local queue is full" if isinstance(fault, BufferError) else str(fault.args[0])
