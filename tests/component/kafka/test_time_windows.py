"""Stretches of time of a partition, by key, from the real Kafka: what is in them, what is gone, what is too much."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from infra.kafka import time_windows
from infra.kafka.time_windows import Window, read_windows
from infra.services.stack import Stack

pytestmark = pytest.mark.stack

FIRST = 1_700_000_000_000
"""The time of the first record; one follows a second, keys in turn."""


@pytest.fixture
def topic(services: Stack) -> str:
    name = f"windows-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": services.kafka})
    config = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    for future in admin.create_topics([NewTopic(name, 1, 1, config=config)]).values():
        future.result(30)
    producer = Producer({"bootstrap.servers": services.kafka})
    for number in range(100):
        key = b"ab"[number % 2 : number % 2 + 1]
        producer.produce(name, key=key, value=str(number).encode(), partition=0, timestamp=FIRST + number * 1000)
    assert producer.flush(30) == 0
    return name


def window(topic: str, first: int, last: int, key: bytes = b"a") -> Window:
    return Window(topic, 0, FIRST + first * 1000, FIRST + last * 1000, frozenset({key}))


def test_only_what_is_within_and_has_the_key_is_read(services: Stack, topic: str) -> None:
    found = read_windows(services.kafka, [window(topic, 10, 14), window(topic, 97, 500), window(topic, 3, 3, b"b")])
    assert [record.value for record in found.records] == [b"10", b"12", b"14", b"98", b"3"]
    assert (found.partly, found.gone) == ([], [])


def test_before_and_behind_all_records_is_nothing(services: Stack, topic: str) -> None:
    found = read_windows(services.kafka, [window(topic, -50, -1), window(topic, 200, 300)])
    assert found == ([], [], [])


def test_more_than_is_read_is_said(services: Stack, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_windows, "MOST_RECORDS", 20)
    wide, narrow = window(topic, 0, 60), window(topic, 80, 85)
    found = read_windows(services.kafka, [wide, narrow])
    assert [int(record.value or b"") for record in found.records] == [*range(0, 20, 2), 80, 82, 84]
    assert (found.partly, found.gone) == ([wide], [])


def test_what_the_topic_holds_no_more_is_said(services: Stack, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": services.kafka})
    for future in admin.delete_records([TopicPartition(topic, 0, 50)]).values():
        future.result(30)
    old, young = window(topic, 0, 20), window(topic, 60, 62)
    found = read_windows(services.kafka, [old, young])
    assert [record.value for record in found.records] == [b"60", b"62"]
    assert (found.partly, found.gone) == ([], [old])
