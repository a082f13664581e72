"""One sink at work: a consumer and a connection to PostgreSQL in a thread of their own, so that none waits for another.

In: records of the partitions that Kafka gives to this process. Out: one transaction a batch, offsets included; a kill at
any instant leaves it done or undone. The group only shares out partitions; the truth about offsets is `sink_offsets`.

- PostgreSQL away, or not migrated yet: the batch is kept, the consumer paused but polling, until it is back.
- Another owner of a partition (`StaleOwner`): everything in memory is dropped and the group joined anew.
- A record that cannot be taken: the batch is halved until it stands alone, and then the record itself (`taking_apart.py`);
  what fails alone is buried, see `burial.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from connectors.sinks.contract import Sink, SinkRecord
from connectors.sinks.offsets import Offsets, StaleOwner
from connectors.sinks.rejected_records import Burial, DeadLetterFailed
from connectors.sinks.taking_apart import take_apart
from infra.kafka.client import KafkaException, TopicPartition, Value, make_consumer
from infra.kafka.topic_ids import topic_ids
from infra.postgres.session import DatabaseDown, NotMigrated, Session

GROUP = "sluice-sinks"
BUSY_RATE = 150
"""Records a second from which on a sink gathers for its linger before it writes."""
BATCH_BYTES = 8 * 1024 * 1024
RETRY_SECONDS = 0.2
READING: dict[str, Value] = {"auto.offset.reset": "earliest", "fetch.min.bytes": 64 * 1024, "fetch.wait.max.ms": 200}
"""The broker may wait for so much, but no longer: many small answers cost it and us more than the rows do, and an answer
without anything costs it 0.3 ms."""
log = structlog.get_logger()


class SinkRunner:
    """Runs one sink until `stop`; `joined` is called when it has its partitions, also when these are none."""

    def __init__(self, sink: Sink, *, bootstrap: str, postgres_url: str, instance: str,
                 joined: Callable[[], None] = lambda: None, group: str = GROUP) -> None:
        self._sink = sink
        self._bootstrap = bootstrap
        self._instance = f"{instance}-{sink.name}"
        self._joined = joined
        self._group = f"{group}-{sink.name}"
        self._session = Session(postgres_url, prepare=sink.staging, name=self._instance)
        self._burial = Burial(bootstrap, sink.name)
        self._offsets = Offsets()
        self._stopped = threading.Event()
        self._unclaimed: list[tuple[str, int]] | None = None
        self._generation = 0
        self._busy = False
        self._gathered_at = 0.0
        self._waiting = False

    @property
    def skipped(self) -> int:
        """Records that could not be taken and that another role buries."""
        return self._burial.skipped

    def stop(self) -> None:
        """End soon; may be called from any thread."""
        self._stopped.set()

    def run(self) -> None:
        """The thread. Raises what cannot be recovered in place."""
        try:
            while not self._stopped.is_set():
                consumer = make_consumer(self._bootstrap, self._group, self._instance,
                                         **READING)
                consumer.subscribe(list(self._sink.reads), on_assign=self._assigned, on_revoke=self._revoked,
                                   on_lost=self._revoked)
                try:
                    self._serve(consumer)
                except StaleOwner as fault:
                    log.warning("another process writes here now, joining anew", action="sink_stale",
                                sink=self._sink.name, error=str(fault))
                finally:
                    consumer.close()
                    self._drop()
        finally:
            self._session.close()

    def _serve(self, consumer: Any) -> None:
        while not self._stopped.is_set():
            if self._unclaimed is not None:
                self._claim(consumer)
                continue
            generation = self._generation
            batch = self._gather(consumer)
            if batch and generation == self._generation:
                now = time.monotonic()
                self._busy, self._gathered_at = len(batch) >= BUSY_RATE * (now - self._gathered_at), now
                self._write(batch, consumer, generation)

    # Partitions come and go -----------------------------------------------------------------------------------------

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        self._drop()
        self._unclaimed = [(p.topic, p.partition) for p in partitions]
        # Nothing is read before the claim says from where; the client would start at an offset of its own choice.
        consumer.assign([])

    def _revoked(self, consumer: Any, _partitions: list[Any]) -> None:
        self._drop()
        self._unclaimed = None
        consumer.unassign()

    def _drop(self) -> None:
        self._generation += 1
        self._offsets.release()
        self._sink.forget()

    def _claim(self, consumer: Any) -> None:
        """Make the partitions ours in PostgreSQL, then read on from where the last owner stopped."""
        places = self._unclaimed or []
        try:
            ids = topic_ids(self._bootstrap, sorted({topic for topic, _ in places})) if places else {}
            with self._session.transaction() as transaction:
                following = self._offsets.claim(places, ids, transaction) if places else {}
        except (DatabaseDown, NotMigrated, KafkaException, TimeoutError) as fault:
            self._wait(consumer, fault)
            return
        self._waiting = False
        self._unclaimed = None
        consumer.assign([TopicPartition(topic, p, offset) for (topic, p), offset in following.items()])
        log.info("reading", action="sink_joined", sink=self._sink.name, partitions=len(places))
        self._joined()

    # Batches --------------------------------------------------------------------------------------------------------

    def _gather(self, consumer: Any) -> list[SinkRecord]:
        """What is there now; a busy sink gathers for its linger, so that a row is written once instead of often."""
        first = consumer.poll(0.1)
        if first is None:
            return []
        messages, size, most = [first], 0, self._sink.batch_records
        until = time.monotonic() + (self._sink.linger_seconds if self._busy else 0.0)
        while len(messages) < most and size < BATCH_BYTES:
            left = until - time.monotonic()
            more = consumer.consume(min(500, most - len(messages)), max(0.0, min(left, 0.05)))
            messages += more
            size += sum(len(m.value() or b"") for m in more)
            if left <= 0:
                break
        return [arrival for message in messages if (arrival := _arrival(message)) is not None]

    def _write(self, batch: list[SinkRecord], consumer: Any, generation: int) -> None:
        """Write the batch, however long PostgreSQL is away; dropped when its partitions are taken away meanwhile."""
        while not self._stopped.is_set():
            try:
                batch = self._write_all(batch)
                if not batch:
                    break
            except (DatabaseDown, NotMigrated, DeadLetterFailed) as fault:
                if not self._waiting:
                    consumer.pause(consumer.assignment())
                stray = self._wait(consumer, fault)
                if generation != self._generation:
                    break
                batch += stray
        if self._waiting:
            self._waiting = False
            consumer.resume(consumer.assignment())

    def _write_all(self, batch: list[SinkRecord]) -> list[SinkRecord]:
        """Write all of it; when that fails, `batch` keeps what is left, so that nothing is written again."""
        todo = [batch]
        try:
            while todo:
                part = todo[0]
                fault = self._try(part)
                if fault is not None and len(part) > 1:
                    todo[:1] = [part[:len(part) // 2], part[len(part) // 2:]]
                    continue
                if fault is not None:
                    self._give_up(part[0], fault)
                del todo[0]
        except (DatabaseDown, NotMigrated, DeadLetterFailed):
            batch[:] = [arrival for part in todo for arrival in part]
            raise
        return []

    def _give_up(self, arrival: SinkRecord, fault: Exception) -> None:
        """Bury what fails alone of a record that cannot be written whole, then move the offset behind it."""
        for piece, own in take_apart(arrival, fault, self._sink.split, lambda piece: self._try([piece], whole=False)):
            self._burial.take(piece, own)
        with self._session.transaction() as transaction:
            self._offsets.advance([arrival], transaction)

    def _try(self, part: list[SinkRecord], *, whole: bool = True) -> Exception | None:
        """Write this part in one transaction; the fault if a record of it cannot be taken."""
        try:
            read = [_with_content(arrival, self._sink) for arrival in part]
            with self._session.transaction() as transaction:
                self._offsets.advance(part, transaction, whole=whole)
                self._sink.apply(read, transaction)
            self._burial.relieved()
            return None
        except (DatabaseDown, NotMigrated, StaleOwner):
            self._sink.forget()
            raise
        except Exception as fault:  # noqa: BLE001  why: whatever a record does to a sink, the records beside it must go on
            self._sink.forget()
            return fault

    def _wait(self, consumer: Any, fault: Exception) -> list[SinkRecord]:
        """Stay in the group for a moment without reading; what the client had at hand all the same."""
        if not self._waiting:
            log.warning("waiting", action="sink_waits", sink=self._sink.name, error=str(fault)[:300])
            self._waiting = True
        message = consumer.poll(RETRY_SECONDS)
        arrival = None if message is None else _arrival(message)
        return [] if arrival is None else [arrival]


def _arrival(message: Any) -> SinkRecord | None:
    error = message.error()
    if error is not None:
        if error.fatal():
            raise KafkaException(error)
        log.info("Kafka is not well", action="sink_kafka", error=str(error))
        return None
    return SinkRecord(topic=message.topic(), partition=message.partition(), offset=message.offset(),
                   timestamp=message.timestamp()[1], key=message.key(), value=message.value(),
                   headers=message.headers() or ())


def _with_content(a: SinkRecord, sink: Sink) -> SinkRecord:
    return SinkRecord(topic=a.topic, partition=a.partition, offset=a.offset, timestamp=a.timestamp, key=a.key,
                   value=a.value, headers=a.headers, content=sink.read(a))
