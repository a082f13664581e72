"""Bursts of records: all acknowledged when the call returns, a fault raised, and the producer still good afterwards."""

from __future__ import annotations

import asyncio

import pytest

from infra.kafka.burst_outbox import BurstOutbox
from infra.kafka.log_reader import end_offsets
from infra.kafka.outbox import DeliveryError
from infra.kafka.records import ProducerRecord
from infra.services.stack import Stack
from schemas.records.topics import DEAD_LETTER_BYTES, DELIVERY_RECEIPTS

pytestmark = pytest.mark.stack


def written(kafka: str) -> int:
    return sum(end_offsets(kafka, [DELIVERY_RECEIPTS]).values())


async def test_a_burst_is_there_when_the_call_returns(services: Stack, topics: None) -> None:
    outbox = BurstOutbox(services.kafka, "tests-bursts")
    before = await asyncio.to_thread(written, services.kafka)

    await outbox.send_all([ProducerRecord(DELIVERY_RECEIPTS, b"%d" % n, b"event", [("ce_id", b"1")]) for n in range(5_000)])

    assert await asyncio.to_thread(written, services.kafka) - before == 5_000


async def test_a_fault_is_raised_and_the_next_burst_goes(services: Stack, topics: None) -> None:
    outbox = BurstOutbox(services.kafka, "tests-bursts")
    with pytest.raises(DeliveryError, match="too large"):
        await outbox.send_all([ProducerRecord(DELIVERY_RECEIPTS, b"k", bytes(DEAD_LETTER_BYTES + 1), [], -1)])
    with pytest.raises(DeliveryError):
        await outbox.send_all([ProducerRecord(DELIVERY_RECEIPTS, b"k", b"to a partition that is not there", [], 4711)])
    before = await asyncio.to_thread(written, services.kafka)

    await outbox.send_all([ProducerRecord(DELIVERY_RECEIPTS, b"k", b"good", [], -1)])

    assert await asyncio.to_thread(written, services.kafka) - before == 1
