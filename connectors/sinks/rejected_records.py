"""What becomes of a record, or a piece of one, that a sink cannot take: buried; counted where another role buries it.

In: the record and its fault. Out: a dead letter, acknowledged by Kafka before the offset may move; or a log line, when
another role reads the same topic and fails at the same: bytes that are no record, a record that contradicts itself, columns
that do not open. What PostgreSQL alone refuses nobody else finds, so the sinks bury it on every topic. Goes wrong:
`DeadLetterFailed` when Kafka does not take the dead letter (to be tried again), `TooManyRejected` when one fault that need not be
the record's comes after the other: then it is more likely ours, and the topic must not be buried whole. A value that
PostgreSQL refuses is the record's own fault, however many there are.
"""

from __future__ import annotations

from typing import Any

import structlog

from connectors.sinks.contract import RecordError, SinkRecord
from infra.kafka.client import make_producer
from infra.kafka.dead_letter import dead_letter
from infra.postgres.faults import is_data_fault
from infra.security.sealing import UnsealError
from schemas.records import topics
from schemas.records.codec import DecodeError
from schemas.values.reasons import Reason

ROLE = "sinks"
MOST_IN_A_ROW = 100
ACK_SECONDS = 10.0
FOUND_BY_ALL = (DecodeError, RecordError, UnsealError)
"""What every role that reads the record finds."""
log = structlog.get_logger()


class DeadLetterFailed(RuntimeError):
    """Kafka did not acknowledge the dead letter."""


class TooManyRejected(RuntimeError):
    """One bad record after the other: more likely a fault of this version than of the records."""


class Burial:
    """Buries for one sink; `skipped` counts what another role buries."""

    def __init__(self, bootstrap: str, sink: str) -> None:
        self._bootstrap = bootstrap
        self._sink = sink
        self._producer: Any = None
        self._in_a_row = 0
        self.skipped = 0

    def take(self, arrival: SinkRecord, fault: Exception) -> None:
        """Bury or count this record."""
        if isinstance(fault, DecodeError) or not is_data_fault(fault):
            self._in_a_row += 1
        if self._in_a_row > MOST_IN_A_ROW:
            raise TooManyRejected(f"{self._sink}: {self._in_a_row} bad records in a row, the last: {fault}") from fault
        where = {"sink": self._sink, "topic": arrival.topic, "partition": arrival.partition, "offset": arrival.offset}
        if not (isinstance(fault, FOUND_BY_ALL) and others_bury(arrival.topic)):
            self._bury(arrival, fault)
            log.error("buried a record that cannot be taken", action="sink_buried", error=str(fault)[:300], **where)
        else:
            self.skipped += 1
            log.warning("passed over a record that cannot be taken", action="sink_skipped", error=str(fault)[:300],
                        **where)

    def relieved(self) -> None:
        """A good record was written."""
        self._in_a_row = 0

    def _bury(self, a: SinkRecord, fault: Exception) -> None:
        code = Reason.UNDECODABLE if isinstance(fault, DecodeError) else Reason.POISON
        key, value, headers = dead_letter(
            a.topic, a.partition, a.offset, a.timestamp, a.key, a.value, a.headers, error_class=type(fault).__name__,
            code=code, message=str(fault), service=f"{ROLE}-{self._sink}")
        if self._producer is None:
            self._producer = make_producer(self._bootstrap, f"sluice-{ROLE}-{self._sink}-burial")
        faults: list[object] = []
        self._producer.produce(topics.DEAD_LETTER, key=key, value=value, headers=headers,
                               on_delivery=lambda error, _: faults.append(error) if error else None)
        if self._producer.flush(ACK_SECONDS) or faults:
            raise DeadLetterFailed(f"the dead letter was not acknowledged: {faults}") from fault


def others_bury(topic: str) -> bool:
    """Whether another role buries what no reader of this topic can take."""
    return any(row.name == topic and row.buries != ROLE for row in topics.TOPICS)
