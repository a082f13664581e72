"""The newest owner of the log of calls, read back on the real Kafka; and a Kafka that does not answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

import msgspec
import pytest
from confluent_kafka.cimpl import NewTopic

from infra.kafka import log_reader
from infra.kafka.client import make_admin, make_producer
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.wire import Owner, Settled
from streams.adapters.log_owners import LogOwners
from streams.ports import OwnerAsk, PortDown
from tests.support.streams.records import block_of

NOW = time.time_ns() // 1_000_000 - 10_000
OWNER = encode(Owner(owner="b", lane="otp", at=NOW))
Line = tuple[bytes, int]
"""A value and its time."""


def answer(epoch: int) -> bytes:
    block: Settled = msgspec.structs.replace(block_of(["sent"]), epoch=epoch)
    return encode(block)


def written(kafka: str, *partitions: Sequence[Line]) -> str:
    """A topic whose partitions hold these records."""
    topic = f"calls-{uuid.uuid4().hex[:12]}"
    admin = make_admin(kafka)
    admin.create_topics([NewTopic(topic, len(partitions), 1)])[topic].result(timeout=30)
    producer = make_producer(kafka, "calls")
    faults: list[object] = []
    for partition, lines in enumerate(partitions):
        for value, at in lines:
            producer.produce(
                topic, value=value, partition=partition, timestamp=at, on_delivery=lambda error, _: faults.append(error)
            )
    assert producer.flush(30) == 0
    assert not any(faults)
    return topic


@pytest.mark.stack
async def test_the_newest_owner_is_the_one_before_the_record(services: Stack) -> None:
    topic = written(services.kafka, [(OWNER, NOW), (answer(0), NOW), (OWNER, NOW), (answer(0), NOW), (OWNER, NOW)])
    owners = LogOwners(services.kafka)
    assert await owners.newest([OwnerAsk(topic, 0, offset, NOW) for offset in range(5)]) == [-1, 0, 0, 2, 2]


@pytest.mark.stack
async def test_an_owner_of_long_ago_shows_in_what_he_wrote_since(services: Stack) -> None:
    lines = [(OWNER, NOW - 7_200_000), (OWNER, NOW - 3_600_000), *[(answer(1), NOW - 5_000)] * 700, (b"poison", NOW)]
    topic = written(services.kafka, lines, [], [(answer(0), NOW)])
    owners = LogOwners(services.kafka)
    assert await owners.newest([OwnerAsk(topic, 0, 703, NOW), OwnerAsk(topic, 2, 0, NOW)]) == [1, -1]


@pytest.mark.stack
async def test_a_quiet_log_is_read_further_back_than_a_minute(services: Stack) -> None:
    """A process that was frozen may write what its successor has long overtaken."""
    topic = written(services.kafka, [(OWNER, NOW - 7_200_000), (OWNER, NOW - 3_600_000), (answer(0), NOW)])
    assert await LogOwners(services.kafka).newest([OwnerAsk(topic, 0, 2, NOW)]) == [1]


@pytest.mark.stack
async def test_a_busy_log_is_read_back_a_minute(services: Stack) -> None:
    busy = [(answer(0), NOW + n) for n in range(600)]
    topic = written(services.kafka, [(OWNER, NOW - 60_001), (OWNER, NOW - 59_999), *busy])
    assert await LogOwners(services.kafka).newest([OwnerAsk(topic, 0, 602, NOW)]) == [1]


@pytest.mark.stack
async def test_it_takes_no_longer_than_a_code_may_wait(services: Stack) -> None:
    topic = written(services.kafka, *[[(OWNER, NOW), (answer(0), NOW)] for _ in range(8)])
    owners, took = LogOwners(services.kafka), []
    for _ in range(5):
        began = time.perf_counter()
        assert await owners.newest([OwnerAsk(topic, p, 1, NOW) for p in range(8)]) == [0] * 8
        took.append(time.perf_counter() - began)
    assert min(took) < 0.2, took


async def test_a_kafka_that_does_not_answer_makes_the_burst_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(PortDown):
        await LogOwners("127.0.0.1:1").newest([OwnerAsk("attempts-otp", 0, 5, NOW)])
    assert await LogOwners("127.0.0.1:1").newest([OwnerAsk("attempts-otp", 0, 0, NOW)]) == [-1]
