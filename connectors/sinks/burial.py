"""What becomes of a record that a sink cannot take: buried by the one who buries that topic, counted by the others.

In: the record and its fault. Out: a dead letter, acknowledged by Kafka before the offset may move; or a log line. Goes
wrong: `BurialFailed` when Kafka does not take the dead letter (to be tried again), `TooManyBurials` when nothing but
poison comes: then the fault is ours, and the topic must not be buried whole.
"""

from __future__ import annotations

from typing import Any

import structlog

from connectors.sinks.contract import Arrival
from infra.kafka.client import make_producer
from infra.kafka.dead_letter import dead_letter
from schemas import topics
from schemas.codec import DecodeError
from schemas.reasons import Reason

ROLE = "sinks"
MOST_IN_A_ROW = 100
ACK_SECONDS = 10.0
log = structlog.get_logger()


class BurialFailed(RuntimeError):
    """Kafka did not acknowledge the dead letter."""


class TooManyBurials(RuntimeError):
    """One bad record after the other: more likely a fault of this version than of the records."""


class Burial:
    """Buries for one sink; `skipped` counts what another role buries."""

    def __init__(self, bootstrap: str, sink: str) -> None:
        self._bootstrap = bootstrap
        self._sink = sink
        self._producer: Any = None
        self._in_a_row = 0
        self.skipped = 0

    def take(self, arrival: Arrival, fault: Exception) -> None:
        """Bury or count this record."""
        self._in_a_row += 1
        if self._in_a_row > MOST_IN_A_ROW:
            raise TooManyBurials(f"{self._sink}: {self._in_a_row} bad records in a row, the last: {fault}") from fault
        where = {"sink": self._sink, "topic": arrival.topic, "partition": arrival.partition, "offset": arrival.offset}
        if buries(arrival.topic):
            self._bury(arrival, fault)
            log.error("buried a record that cannot be taken", action="sink_buried", error=str(fault)[:300], **where)
        else:
            self.skipped += 1
            log.warning("passed over a record that cannot be taken", action="sink_skipped", error=str(fault)[:300],
                        **where)

    def relieved(self) -> None:
        """A good record was written."""
        self._in_a_row = 0

    def _bury(self, a: Arrival, fault: Exception) -> None:
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
            raise BurialFailed(f"the dead letter was not acknowledged: {faults}") from fault


def buries(topic: str) -> bool:
    """Whether the sinks are the ones who bury this topic's poison."""
    return any(row.name == topic and row.buries == ROLE for row in topics.TOPICS)
