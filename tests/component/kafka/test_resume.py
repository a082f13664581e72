"""Reading on in a paused partition: records that wait there come at once, not when the client's thread wakes by itself."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.kafka.client import TopicPartition, make_consumer, make_producer
from infra.services.stack import Stack

pytestmark = pytest.mark.stack
PAUSED_SECONDS = 0.25
SOON = 0.5
"""Left to itself the client takes the rest of a second."""


def seconds_until_read(bootstrap: str, topic: str) -> float:
    """From reading on to the first record, after a pause in which nothing else was read."""
    consumer = make_consumer(bootstrap, f"test-{uuid4().hex}")
    try:
        places = [TopicPartition(topic, partition, 0) for partition in (0, 1)]
        consumer.assign(places)
        consumer.pause(places)
        assert consumer.poll(PAUSED_SECONDS) is None, "it is paused"
        begun = time.monotonic()
        consumer.resume(places)
        message = consumer.poll(30)
        assert message is not None and message.error() is None
        return time.monotonic() - begun
    finally:
        consumer.close()


def test_records_come_at_once(services: Stack) -> None:
    topic = f"paused-{uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": services.kafka})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(timeout=30)
    producer = make_producer(services.kafka, "test")
    producer.produce(topic, b"x", partition=1)
    assert producer.flush(30) == 0

    assert min(seconds_until_read(services.kafka, topic) for _ in range(10)) < SOON
