"""One sink at work: a consumer and a connection to PostgreSQL in a thread of their own, so that none waits for another.

In: records of the partitions that Kafka gives to this process. Out: one transaction a batch, offsets included; a kill at
any instant leaves it done or undone. The group only shares out partitions; the truth about offsets is `sink_offsets`.
A loop of its own around `Subscription`: between two polls it waits for PostgreSQL, so nothing is gained by a thread that
polls ahead as dispatch's does, and what it had ahead would have to be dropped at every change of owners.

- PostgreSQL away, or not migrated yet: the batch is kept, the consumer paused but polling, until it is back.
- Another owner of a partition, or a database set back (`StaleOwner`): what is in memory is dropped, the group joined anew.
- A record that cannot be taken: the batch is halved until it stands alone, and then the record itself (`taking_apart.py`);
  what fails alone is rejected (`rejected_records.py`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from connectors.sinks.contract import DecodedRecord, Sink
from connectors.sinks.offsets import SinkOffsets, StaleOwner
from connectors.sinks.rejected_records import RejectedRecords
from connectors.sinks.taking_apart import take_apart
from infra.kafka.client import Cluster, KafkaException, Value, make_consumer
from infra.kafka.dead_letter_writer import DeadLetterFailed
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.kafka.subscription import Subscription
from infra.kafka.topic_ids import topic_ids
from infra.postgres.session import DatabaseDown, NotMigrated, Session

GROUP = "sluice-sinks"
BUSY_RATE = 150
"""Records a second from which on a sink gathers for its linger before it writes."""
BATCH_BYTES = 8 * 1024 * 1024
RETRY_SECONDS = 0.2
POLL_SECONDS = 0.25
READING: dict[str, Value] = {"auto.offset.reset": "earliest", "fetch.min.bytes": 64 * 1024}
"""The broker may wait for so much, but no longer than the sink says: many small answers cost it and us more than the rows
do, and an answer without anything costs it 0.3 ms."""
log = structlog.get_logger()


class SinkRunner:
    """Runs one sink until `stop`; `joined` is called when it has its partitions, also when these are none."""

    def __init__(
        self,
        sink: Sink,
        *,
        cluster: Cluster,
        postgres_url: str,
        instance: str,
        joined: Callable[[], None] = lambda: None,
        group: str = GROUP,
    ) -> None:
        self._sink = sink
        self._cluster = cluster
        self._instance = f"{instance}-{sink.name}"
        self._joined = joined
        self._group = f"{group}-{sink.name}"
        self._session = Session(postgres_url, prepare=sink.staging, name=self._instance)
        self._rejected = RejectedRecords(cluster, sink.name)
        self._offsets = SinkOffsets()
        self._stopped = threading.Event()
        self._unclaimed: list[PartitionKey] | None = None
        self._generation = 0
        self._busy = False
        self._gathered_at = 0.0
        self._waiting = False

    @property
    def skipped(self) -> int:
        """Records that could not be taken and that another role writes to the dead letters."""
        return self._rejected.skipped

    def stop(self) -> None:
        """End soon; may be called from any thread."""
        self._stopped.set()

    def run(self) -> None:
        """The thread. Raises what cannot be recovered in place."""
        try:
            while not self._stopped.is_set():
                subscription = Subscription(
                    make_consumer(
                        self._cluster, self._group, self._instance, **READING, **{"fetch.wait.max.ms": self._sink.wait_ms}
                    ),
                    assigned=self._assigned,
                    revoked=self._revoked,
                    own_offsets=True,
                    hopeless=(),
                )
                subscription.join(self._sink.reads)
                try:
                    self._serve(subscription)
                except StaleOwner as fault:
                    log.warning(
                        "another process writes here now, joining anew",
                        action="sink_stale",
                        sink=self._sink.name,
                        error=str(fault),
                    )
                finally:
                    subscription.close()
                    self._drop()
        finally:
            self._session.close()

    def _serve(self, subscription: Subscription) -> None:
        while not self._stopped.is_set():
            if self._unclaimed is not None:
                self._claim(subscription)
                continue
            generation = self._generation
            batch = self._gather(subscription)
            if batch and generation == self._generation:
                now = time.monotonic()
                self._busy, self._gathered_at = len(batch) >= BUSY_RATE * (now - self._gathered_at), now
                self._write(batch, subscription, generation)

    # Partitions come and go -----------------------------------------------------------------------------------------

    def _assigned(self, places: list[PartitionKey]) -> None:
        self._drop()
        self._unclaimed = places

    def _revoked(self, _places: list[PartitionKey]) -> None:
        self._drop()
        self._unclaimed = None

    def _drop(self) -> None:
        self._generation += 1
        self._offsets.release()
        self._sink.forget()

    def _claim(self, subscription: Subscription) -> None:
        """Make the partitions ours in PostgreSQL, then read on from where the last owner stopped."""
        places = self._unclaimed or []
        try:
            ids = topic_ids(self._cluster, sorted({topic for topic, _ in places})) if places else {}
            with self._session.transaction() as transaction:
                following = self._offsets.claim(places, ids, transaction) if places else {}
        except (DatabaseDown, NotMigrated, KafkaException, TimeoutError) as fault:
            self._wait(subscription, fault)
            return
        self._waiting = False
        self._unclaimed = None
        subscription.assign(following)
        log.info("reading", action="sink_joined", sink=self._sink.name, partitions=len(places))
        self._joined()

    # Batches --------------------------------------------------------------------------------------------------------

    def _gather(self, subscription: Subscription) -> list[ConsumerRecord]:
        """What is there now; a busy sink gathers for its linger, so that a row is written once instead of often."""
        batch, size, most = subscription.poll(1, POLL_SECONDS), 0, self._sink.batch_records
        until = time.monotonic() + (self._sink.linger_seconds if self._busy else 0.0)
        while batch and len(batch) < most and size < BATCH_BYTES:
            left = until - time.monotonic()
            more = subscription.consume(min(500, most - len(batch)), max(0.0, min(left, 0.05)))
            batch += more
            size += sum(len(record.value or b"") for record in more)
            if left <= 0:
                break
        return batch

    def _write(self, batch: list[ConsumerRecord], subscription: Subscription, generation: int) -> None:
        """Write the batch, however long PostgreSQL is away; dropped when its partitions are taken away meanwhile."""
        while not self._stopped.is_set():
            try:
                batch = self._write_all(batch)
                if not batch:
                    break
            except (DatabaseDown, NotMigrated, DeadLetterFailed) as fault:
                subscription.all_held = True
                stray = self._wait(subscription, fault)
                if generation != self._generation:
                    break
                batch += stray
        self._waiting = subscription.all_held = False

    def _write_all(self, batch: list[ConsumerRecord]) -> list[ConsumerRecord]:
        """Write all of it; when that fails, `batch` keeps what is left, so that nothing is written again."""
        todo = [batch]
        try:
            while todo:
                part = todo[0]
                fault = self._try(part)
                if fault is not None and len(part) > 1:
                    todo[:1] = [part[: len(part) // 2], part[len(part) // 2 :]]
                    continue
                if fault is not None:
                    self._give_up(part[0], fault)
                del todo[0]
        except (DatabaseDown, NotMigrated, DeadLetterFailed):
            batch[:] = [record for part in todo for record in part]
            raise
        return []

    def _give_up(self, record: ConsumerRecord, fault: Exception) -> None:
        """Write to the dead letters what fails alone of a record that cannot be written whole, then move the offset behind
        it."""
        for piece, own in take_apart(record, fault, self._sink.split, lambda piece: self._try([piece], whole=False)):
            self._rejected.reject(piece, own)
        with self._session.transaction() as transaction:
            self._offsets.advance([record], transaction)
        self._offsets.on_committed()

    def _try(self, part: list[ConsumerRecord], *, whole: bool = True) -> Exception | None:
        """Write this part in one transaction; the fault if a record of it cannot be taken."""
        try:
            read = [DecodedRecord(record, self._sink.read(record)) for record in part]
            with self._session.transaction() as transaction:
                self._offsets.advance(part, transaction, whole=whole)
                self._sink.apply(read, transaction)
            self._offsets.on_committed()
            self._rejected.reset_run()
            return None
        except (DatabaseDown, NotMigrated, StaleOwner):
            self._sink.forget()
            raise
        except Exception as fault:  # noqa: BLE001  why: whatever a record does to a sink, the records beside it must go on
            self._sink.forget()
            return fault

    def _wait(self, subscription: Subscription, fault: Exception) -> list[ConsumerRecord]:
        """Stay in the group for a moment without reading; what the client had at hand all the same."""
        if not self._waiting:
            log.warning("waiting", action="sink_waits", sink=self._sink.name, error=str(fault)[:300])
            self._waiting = True
        return subscription.poll(1, RETRY_SECONDS)
