"""A topic read from its beginning to the end it has now, without a group and without leaving a trace.

In: Kafka's address, a topic. Out: every record. Wrong: AssertionError when the end is not reached in time.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from confluent_kafka import Consumer, TopicPartition

from schemas.records.codec import DecodeError, decode, decode_as
from schemas.records.wire import Record

PATIENCE_SECONDS = 60.0

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRecord:
    """One record; headers as text."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, str]

    def decoded(self, kind: type[T]) -> T:
        """The value, which must be of this kind."""
        return decode_as(self.value, kind)


def read_topic(bootstrap: str, topic: str) -> list[TopicRecord]:
    """All records, in order within each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    try:
        partitions = list(consumer.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic].partitions)
        ends = {
            partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE_SECONDS)[1]
            for partition in partitions
        }
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        return _read(consumer, topic, ends)
    finally:
        consumer.close()


def records_of(bootstrap: str, topic: str, kind: type[T]) -> list[T]:
    """All records of this kind; a topic that tests share may also hold the poison of another test."""
    found = []
    for record in read_topic(bootstrap, topic):
        with suppress(DecodeError):
            found.append(record.decoded(kind))
    return found


def decoded_topic(bootstrap: str, topic: str) -> list[Record]:
    """All records of a topic that carries several kinds."""
    return [decode(record.value) for record in read_topic(bootstrap, topic)]


def _read(consumer: Consumer, topic: str, ends: dict[int, int]) -> list[TopicRecord]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: list[TopicRecord] = []
    while any(_position(consumer, topic, partition) < end for partition, end in ends.items()):
        assert time.monotonic() < deadline, f"{topic} was not read within {PATIENCE_SECONDS} s"
        # Trap: `consume` with a time-out waits for all it was asked for.
        first = consumer.poll(0.2)
        for message in [*([] if first is None else [first]), *consumer.consume(1000, 0)]:
            assert message.error() is None, message.error()
            headers = {
                name: value.decode() for name, value in dict(message.headers() or []).items() if isinstance(value, bytes)
            }
            found.append(
                TopicRecord(
                    partition=message.partition() or 0,
                    offset=message.offset() or 0,
                    key=message.key(),
                    value=message.value() or b"",
                    headers=headers,
                )
            )
    return found


def _position(consumer: Consumer, topic: str, partition: int) -> int:
    return max(0, int(consumer.position([TopicPartition(topic, partition)])[0].offset))
