"""What becomes of a record, or a piece of one, that a sink cannot take: a dead letter, or counted where another role
writes that.

In: the record and its fault. Out: a dead letter, acknowledged by Kafka before the offset may move; or a log line, when
another role reads the same topic and fails at the same: bytes that are no record, a record that contradicts itself, columns
that do not open. What PostgreSQL alone refuses nobody else finds, so the sinks write it to the dead letters on every topic.
Goes wrong: `DeadLetterFailed` when Kafka does not take the dead letter (to be tried again), `TooManyRejected` when one
fault that need not be the record's comes after the other: then it is more likely ours, and the topic must not become a dead
letter whole. A value that PostgreSQL refuses is the record's own fault, however many there are.
"""

from __future__ import annotations

import structlog

from connectors.sinks.contract import RecordError
from infra.kafka.dead_letter import dead_letter
from infra.kafka.dead_letter_writer import DeadLetterWriter
from infra.kafka.records import ConsumerRecord
from infra.kafka.security import Cluster
from infra.postgres.faults import is_data_fault
from infra.security.sealing import UnsealError
from schemas.records import topics
from schemas.records.codec import DecodeError
from schemas.values.reasons import Reason

ROLE = "sinks"
MOST_IN_A_ROW = 100
FOUND_BY_ALL = (DecodeError, RecordError, UnsealError)
"""What every role that reads the record finds."""
log = structlog.get_logger()


class TooManyRejected(RuntimeError):
    """One bad record after the other: more likely a fault of this version than of the records."""


class RejectedRecords:
    """Those of one sink; `skipped` counts what another role writes to the dead letters."""

    def __init__(self, cluster: Cluster, sink: str) -> None:
        self._sink = sink
        self._writer = DeadLetterWriter(cluster, f"sluice-{ROLE}-{sink}-dead-letters")
        self._in_a_row = 0
        self.skipped = 0

    def reject(self, record: ConsumerRecord, fault: Exception) -> None:
        """Write this record's dead letter, or count it. Raises DeadLetterFailed or TooManyRejected."""
        if isinstance(fault, DecodeError) or not is_data_fault(fault):
            self._in_a_row += 1
        if self._in_a_row > MOST_IN_A_ROW:
            raise TooManyRejected(f"{self._sink}: {self._in_a_row} bad records in a row, the last: {fault}") from fault
        where = {"sink": self._sink, "topic": record.topic, "partition": record.partition, "offset": record.offset}
        if not (isinstance(fault, FOUND_BY_ALL) and others_dead_letter(record.topic)):
            self._write(record, fault)
            log.error(
                "a record that cannot be taken became a dead letter",
                action="sink_dead_letter",
                error=str(fault)[:300],
                **where,
            )
        else:
            self.skipped += 1
            log.warning("passed over a record that cannot be taken", action="sink_skipped", error=str(fault)[:300], **where)

    def reset_run(self) -> None:
        """A good record was written."""
        self._in_a_row = 0

    def _write(self, record: ConsumerRecord, fault: Exception) -> None:
        code = Reason.UNDECODABLE if isinstance(fault, DecodeError) else Reason.POISON
        self._writer.write([dead_letter(record, fault, code=code, service=f"{ROLE}-{self._sink}")])


def others_dead_letter(topic: str) -> bool:
    """Whether another role writes to the dead letters what no reader of this topic can take."""
    return any(row.name == topic and row.dead_letters_by != ROLE for row in topics.TOPICS)
