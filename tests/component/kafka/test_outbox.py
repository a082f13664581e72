"""The way out to Kafka with records that Kafka does not take: a report each time, never an exception out of the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from connectors.sinks.rejected_records import RejectedRecords
from infra.kafka.outbox import DeliveryError, Outbox
from infra.kafka.records import ConsumerRecord, ProducerRecord
from infra.services.stack import Stack
from schemas.records.codec import DecodeError
from schemas.records.topics import DEAD_LETTER, DEAD_LETTER_BYTES, HELD, RECORD_BYTES, USAGE
from tests.support.topic_reader import read_topic

pytestmark = pytest.mark.stack
TOO_LARGE_FOR_THE_CLIENT = bytes(DEAD_LETTER_BYTES + 1)


@pytest.fixture
async def outbox(services: Stack, topics: None) -> AsyncIterator[Outbox]:
    made = Outbox(services.kafka, "tests-outbox")
    yield made
    await made.close()


async def test_a_record_too_large_for_the_client_is_reported(outbox: Outbox) -> None:
    with pytest.raises(DeliveryError, match="too large"):
        await outbox.send(USAGE, b"k", TOO_LARGE_FOR_THE_CLIENT)
    reported: asyncio.Future[tuple[str | None, int, int]] = asyncio.get_running_loop().create_future()
    outbox.post(USAGE, b"k", TOO_LARGE_FOR_THE_CLIENT, (), -1, lambda *report: reported.set_result(report))
    error, partition, offset = await reported
    assert error is not None and "too large" in error and (partition, offset) == (-1, -1)
    with pytest.raises(DeliveryError, match="too large"):
        await outbox.send_all([ProducerRecord(USAGE, b"k", b"good"), ProducerRecord(USAGE, b"k", TOO_LARGE_FOR_THE_CLIENT)])
    assert await outbox.send(USAGE, b"k", b"the next one goes") >= 0


async def test_only_dead_letters_may_be_larger_than_a_record(outbox: Outbox) -> None:
    random = await asyncio.to_thread(_incompressible, RECORD_BYTES + 1000)
    with pytest.raises(DeliveryError):
        await outbox.send(USAGE, b"k", random)
    assert await outbox.send(DEAD_LETTER, b"k", random) >= 0


async def test_a_record_as_large_as_they_come_is_buried_whole(outbox: Outbox, services: Stack) -> None:
    value = await asyncio.to_thread(_incompressible, RECORD_BYTES - 100)
    headers = [("traceparent", b"x" * 5000)]
    record = ConsumerRecord(topic=HELD, partition=0, offset=4711, timestamp=1, key=b"large", value=value, headers=headers)
    await asyncio.to_thread(RejectedRecords(services.kafka, "held").reject, record, DecodeError("no schema"))
    letters = await asyncio.to_thread(read_topic, services.kafka, DEAD_LETTER)
    [letter] = [one for one in letters if one.headers.get("x-orig-offset") == "4711"]
    assert (letter.key, letter.value) == (b"large", value)
    assert letter.headers["traceparent"] == "x" * 5000


def _incompressible(length: int) -> bytes:
    """The same bytes in each run, which no compression makes shorter."""
    return Random(length).randbytes(length)
