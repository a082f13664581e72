"""The three services for tests: started once a run, and one way to put a value into each and find it again.

In: a temp folder. Out: `running_services` for the session fixture; `SERVICE_PROBES`, one row a kind of service.
Wrong: a service that does not start fails the test that asked for it, with the service's own sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.services.kafka import KafkaService
from infra.services.postgres import PostgresService
from infra.services.redis import RedisService
from infra.services.service import Embedded
from infra.services.stack import Stack, start_services
from tests.support.waiting import PATIENCE_SECONDS

TOPIC = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProbe:
    """One kind of service: `keep` stores a text at an address, `find` reads what was stored."""

    make: Callable[[Path, int | None], Embedded]
    keep: Callable[[str, str], None]
    find: Callable[[str], str]


FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""A PostgreSQL for tests alone: nobody restarts it, so it need not outlive a loss of power."""


@contextmanager
def running_services(folder: Path) -> Iterator[Stack]:
    """All three services in `folder`, ended afterwards; none of them is to be killed."""
    postgres = PostgresService(folder / "postgres", log=folder / "logs" / "postgres.log", more=FORGETFUL)
    with ThreadPoolExecutor(1) as beside:
        started = beside.submit(postgres.start)
        try:
            others = start_services(folder, postgres="beside")
        finally:
            started.result()
    try:
        yield Stack(kafka=others.kafka, redis=others.redis, postgres=postgres.address, started=(*others.started, postgres))
    finally:
        with ThreadPoolExecutor(1) as beside:
            beside.submit(postgres.stop)
            others.stop()


@contextmanager
def durable_services(folder: Path) -> Iterator[Stack]:
    """As `sluice up` has them: what is acknowledged outlives a kill."""
    stack = start_services(folder)
    try:
        yield stack
    finally:
        stack.stop()


def _keep_in_kafka(address: str, text: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})  # a client that is not kept gives its requests up
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(timeout=PATIENCE_SECONDS)
    producer = Producer({"bootstrap.servers": address, "acks": "all", "linger.ms": 0})
    producer.produce(TOPIC, text.encode())
    assert producer.flush(PATIENCE_SECONDS) == 0


def _find_in_kafka(address: str) -> str:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "finder", "auto.offset.reset": "error"})
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        message = consumer.poll(PATIENCE_SECONDS)
        assert message is not None and message.error() is None, message and message.error()
        value = message.value()
        assert value is not None
        return bytes(value).decode()
    finally:
        consumer.close()


def _keep_in_postgres(address: str, text: str) -> None:
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (text,))


def _find_in_postgres(address: str) -> str:
    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT value FROM kept").fetchone()
    assert row is not None
    return str(row[0])


def _keep_in_redis(address: str, text: str) -> None:
    with redis.Redis.from_url(address) as client:
        assert client.set("kept", text)


def _find_in_redis(address: str) -> str:
    with redis.Redis.from_url(address, decode_responses=True) as client:
        return str(client.get("kept"))


SERVICE_PROBES: dict[str, ServiceProbe] = {
    "kafka": ServiceProbe(make=KafkaService, keep=_keep_in_kafka, find=_find_in_kafka),
    "postgres": ServiceProbe(make=PostgresService, keep=_keep_in_postgres, find=_find_in_postgres),
    "redis": ServiceProbe(make=RedisService, keep=_keep_in_redis, find=_find_in_redis),
}
