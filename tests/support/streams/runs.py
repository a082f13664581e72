"""Stages run in memory until nothing is left: what they wrote."""

from __future__ import annotations

from infra.kafka.records import ProducerRecord
from schemas.records.codec import encode
from schemas.records.slice import Slice
from schemas.records.wire import Owner, Returned, Settled, Started
from streams.memory_runner import MemoryRunner
from tests.support.streams.fakes import FakePorts, envelope

Record = Owner | Started | Settled | Returned


async def run_intake(fakes: FakePorts, *slices: Slice) -> list[ProducerRecord]:
    runner = MemoryRunner(lambda: fakes.intake(), topic=f"ingest-{slices[0].lane}", clock=fakes.clock)
    runner.send(envelope(*slices))
    await runner.drain()
    assert runner.acknowledged == 1
    assert runner.topics.on("dead-letter") == []
    return runner.topics.written


async def run_settlement(*records: Record, fakes: FakePorts | None = None, batch: int = 64) -> list[ProducerRecord]:
    fakes = fakes or FakePorts()
    runner = MemoryRunner(fakes.settlement, topic="attempts-marketing", clock=fakes.clock, batch=batch)
    for record in records:
        runner.send(encode(record))
    await runner.drain()
    assert runner.topics.on("dead-letter") == []
    return runner.topics.written


def restarted(fakes: FakePorts, *records: Record) -> MemoryRunner:
    """A process that begins after all of these records but the last one."""
    runner = MemoryRunner(fakes.settlement, topic="attempts-marketing", clock=fakes.clock)
    for record in records:
        runner.send(encode(record))
    fakes.log = list(records)
    runner.acknowledged = len(records) - 1
    return runner
