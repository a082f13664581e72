"""A sink at work in a thread, on a topic of the test's own.

In: a sink, the stack, a database. Out: a context in which it runs; producers and questions for the tests.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.sinks.contract import Sink
from connectors.sinks.runner import SinkRunner
from schemas.records.codec import encode
from schemas.records.wire import Record


def make_topic(kafka: str, *, partitions: int = 2, name: str | None = None) -> str:
    """A topic that nobody else uses."""
    name = name or f"sinks-{secrets.token_hex(4)}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(timeout=30)
    return name


def put(kafka: str, topic: str, values: Sequence[Record | bytes], partition: int = 0) -> None:
    """Records, acknowledged by Kafka."""
    producer = Producer({"bootstrap.servers": kafka, "acks": "all", "linger.ms": 0})
    for value in values:
        producer.produce(topic, value if isinstance(value, bytes) else encode(value), partition=partition)
    assert producer.flush(30) == 0


@contextmanager
def running_sink(sink: Sink, kafka: str, postgres: str, *, instance: str | None = None) -> Iterator[SinkRunner]:
    """The sink runs until the block ends; a fault of its thread is raised here."""
    joined = threading.Event()
    faults: list[BaseException] = []
    runner = SinkRunner(
        sink,
        cluster=kafka,
        postgres_url=postgres,
        instance=instance or secrets.token_hex(4),
        joined=joined.set,
        group=sink.reads[0],
    )

    def work() -> None:
        try:
            runner.run()
        except Exception as fault:  # noqa: BLE001  why: shown by the test that waits for it
            faults.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert joined.wait(60), "the sink did not join"
        yield runner
    finally:
        runner.stop()
        thread.join(60)
    assert not thread.is_alive() and not faults, faults


def ask(url: str, statement: Any) -> list[Any]:
    """The rows that a statement gives."""
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()
