"""Topics read whole without a group: everything below the ends, at once, also where the first records are gone already."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.kafka.client import TopicPartition, make_producer
from infra.kafka.log_reader import end_offsets, read_log
from infra.services.stack import Stack

pytestmark = pytest.mark.stack
SOON = 0.45
"""Half a second goes by when the client is left to look for the beginning by itself."""


def topic_of(admin: AdminClient, bootstrap: str, values: list[bytes]) -> str:
    """A topic of two partitions; the values stand in the second."""
    topic = f"log-{uuid4().hex[:8]}"
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(timeout=30)
    producer = make_producer(bootstrap, "test")
    for value in values:
        producer.produce(topic, value, partition=1)
    assert producer.flush(30) == 0
    return topic


def seen(bootstrap: str, topic: str) -> list[tuple[int, bytes | None]]:
    """Offset and value of every record."""
    return [(entry.offset, entry.value) for entry in read_log(bootstrap, end_offsets(bootstrap, [topic]))]


def test_all_of_it_is_read_at_once(services: Stack) -> None:
    topic = topic_of(AdminClient({"bootstrap.servers": services.kafka}), services.kafka, [b"a", b"b"])

    def took() -> float:
        begun = time.monotonic()
        assert seen(services.kafka, topic) == [(0, b"a"), (1, b"b")]
        return time.monotonic() - begun

    assert min(took() for _ in range(10)) < SOON


def test_what_is_gone_is_passed_over(services: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": services.kafka})
    topic = topic_of(admin, services.kafka, [b"a", b"b", b"c"])
    for future in admin.delete_records([TopicPartition(topic, 1, 2)]).values():
        future.result(30)

    assert seen(services.kafka, topic) == [(2, b"c")]
