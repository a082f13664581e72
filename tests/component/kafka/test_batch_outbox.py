"""Ready-made batches on a real broker: what stands there is what was given, to the byte, where another producer puts it;
acknowledged when the call returns; too much for a batch is two; a fault is raised, and the next call is good again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewTopic

from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.client import make_admin, make_consumer, make_producer
from infra.kafka.log_reader import end_offsets
from infra.kafka.outbox import DeliveryError
from infra.kafka.patient_outbox import PatientOutbox
from infra.kafka.records import ConsumerRecord, ProducerRecord, record_of
from infra.services.stack import Stack
from schemas.records.kafka_format import record_body
from schemas.records.topics import RECORD_BYTES

pytestmark = pytest.mark.stack
PARTITIONS = 3
CHECKED: dict[str, Any] = {"check.crcs": True, "auto.offset.reset": "earliest"}
Event = tuple[bytes, bytes, list[tuple[str, bytes]]]


@pytest.fixture
def topic(services: Stack) -> Iterator[str]:
    name = f"batches-{uuid4().hex}"
    admin = make_admin(services.kafka)
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    yield name
    admin.delete_topics([name])[name].result(30)


@asynccontextmanager
async def outbox_of(services: Stack, compression: str = "uncompressed") -> AsyncIterator[BatchOutbox]:
    outbox = BatchOutbox(services.kafka, "tests-batches", compression=compression)
    yield outbox
    await outbox.close()


def block(*events: Event) -> tuple[list[bytes], list[bytes]]:
    return [key for key, _, _ in events], [record_body(*event) for event in events]


def some(count: int, size: int = 10) -> list[Event]:
    return [(b"msg_%d" % n, b"\0v%d" % n * size, [("ce_id", b"%d" % n), ("ce_type", b"")]) for n in range(count)]


def written(kafka: str, topic: str) -> list[ConsumerRecord]:
    """Everything there, checksums checked."""
    left = sum(end_offsets(kafka, [topic]).values())
    consumer = make_consumer(kafka, f"tests-{uuid4().hex}", **CHECKED)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    records: list[ConsumerRecord] = []
    while len(records) < left:
        for message in consumer.consume(min(1_000, left - len(records)), 30):
            assert message.error() is None
            records.append(record_of(message))
    consumer.close()
    return records


def contents(records: list[ConsumerRecord]) -> list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]]:
    return sorted((one.partition, one.key, one.value, list(one.headers)) for one in records)


@pytest.mark.parametrize("compression", ["uncompressed", "gzip", "producer", "lz4", "snappy", "zstd"])
async def test_what_stands_there_is_what_another_producer_had_written(compression: str, services: Stack, topic: str) -> None:
    events = [*some(5_000), (b"", b"", []), ("Schlüssel".encode(), b"v", [("ä", bytes(300))]), (b"k", bytes(3_000), [])]
    before = time.time_ns() // 1_000_000
    async with outbox_of(services, compression) as outbox:
        await outbox.send_all(topic, [block(*events[:4_000]), block(*events[4_000:])])
        ours = await asyncio.to_thread(written, services.kafka, topic)
    assert len(ours) == len(events)
    assert all(before <= one.timestamp <= time.time_ns() // 1_000_000 for one in ours)

    producer = make_producer(services.kafka, "other")
    for key, value, headers in events:
        producer.produce(topic, value, key, headers=list(headers))
    assert await asyncio.to_thread(producer.flush, 30) == 0
    both = await asyncio.to_thread(written, services.kafka, topic)
    places = {(one.partition, one.offset) for one in ours}
    assert contents(ours) == contents([one for one in both if (one.partition, one.offset) not in places])


async def test_order_within_a_partition_is_that_of_the_call(services: Stack, topic: str) -> None:
    events = some(20_000, 30)
    async with outbox_of(services) as outbox:
        await asyncio.gather(*(outbox.send_all(topic, [block(*events[n : n + 5_000])]) for n in range(0, 20_000, 5_000)))
    records = await asyncio.to_thread(written, services.kafka, topic)
    for partition in range(PARTITIONS):
        numbers = [int(dict(one.headers)["ce_id"]) for one in records if one.partition == partition]
        assert numbers == sorted(numbers)
        assert numbers


async def test_records_that_come_together_leave_together_on_all_their_topics(services: Stack, topic: str) -> None:
    other = f"{topic}-b"
    admin = make_admin(services.kafka)
    admin.create_topics([NewTopic(other, PARTITIONS, 1)])[other].result(30)
    events = some(50)
    async with outbox_of(services) as batches:
        patient = PatientOutbox(batches, 0.02)
        await patient.open([topic, other])
        await asyncio.gather(
            *(
                patient.add([ProducerRecord(name, key, value, headers) for key, value, headers in events])
                for name in (topic, other, topic)
            )
        )
    assert [len(await asyncio.to_thread(written, services.kafka, name)) for name in (topic, other)] == [100, 50]
    # Where its key says, as by the other producers.
    places = {one.key: one.partition for one in await asyncio.to_thread(written, services.kafka, other)}
    producer = make_producer(services.kafka, "other")
    for key, value, headers in events:
        producer.produce(topic, value, key, headers=[*headers])
    assert await asyncio.to_thread(producer.flush, 30) == 0
    assert {one.key: one.partition for one in await asyncio.to_thread(written, services.kafka, topic)} == places
    admin.delete_topics([other])[other].result(30)


async def test_more_than_a_batch_may_have_is_several(services: Stack, topic: str) -> None:
    events: list[Event] = [(b"one key", bytes([n]) * 300_000, []) for n in range(11)]
    async with outbox_of(services) as outbox:
        await outbox.send_all(topic, [block(*events)])
    records = await asyncio.to_thread(written, services.kafka, topic)
    assert [one.value for one in records] == [value for _, value, _ in events]


async def test_a_fault_is_raised_and_the_next_call_goes(services: Stack, topic: str) -> None:
    async with outbox_of(services) as outbox:
        await outbox.send_all(topic, [block((b"k", b"first", []))])
        with pytest.raises(DeliveryError, match="TooLarge"):
            await outbox.send_all(topic, [block((b"k", bytes(RECORD_BYTES), []), (b"k", b"behind it", []))])
        await outbox.send_all(topic, [block((b"k", b"good", []))])
    values = [one.value for one in await asyncio.to_thread(written, services.kafka, topic)]
    assert values[0] == b"first"
    assert values[-1] == b"good"


async def test_a_broker_that_is_away_is_a_fault_in_time() -> None:
    outbox = BatchOutbox("127.0.0.1:9", "tests-batches")
    with pytest.raises(DeliveryError, match="receipts"):
        await outbox.send_all("receipts", [block((b"k", b"v", []))])
