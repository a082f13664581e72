"""What a sink makes of records, without waiting for Kafka; and what the releaser wrote there.

In: a database, records. Out: rows; the records of a topic about one chunk.
"""

from __future__ import annotations

from typing import Any

import psycopg

from connectors.sinks.contract import Sink
from connectors.sinks.message_events import MessageEventsSink
from infra.postgres.session import Session
from schemas.records import topics
from schemas.records.wire import MessageEvents, Record
from schemas.values.lanes import Lane
from tests.support.log_records import arrivals
from tests.support.topic_reader import records_of

EVENTS = topics.events(Lane.MARKETING)


def apply_records(url: str, *records: Record, sink: Sink | None = None) -> None:
    """One batch, in a transaction of its own."""
    sink = sink or MessageEventsSink()
    session = Session(url, prepare=sink.staging)
    try:
        with session.transaction() as transaction:
            sink.apply(arrivals(records, sink.reads[0]), transaction)
    finally:
        session.close()


def rows(url: str, statement: str, *parameters: Any) -> list[Any]:
    """What a statement gives."""
    with psycopg.connect(url) as connection:
        return connection.execute(statement, parameters).fetchall()


def execute(url: str, statement: str, *parameters: Any) -> None:
    """A statement for its effect."""
    with psycopg.connect(url) as connection:
        connection.execute(statement, parameters)


def events_of(kafka: str, *chunks: str) -> list[MessageEvents]:
    """Everything that message-events says of these chunks."""
    return [record for record in records_of(kafka, EVENTS, MessageEvents) if record.chunk in chunks]
