"""What is canceled on a rung of the ladder is handed to the waiting room: the real Kafka, rungs of three lengths.

In: retries on the rungs, commands. Out: rows of `held`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest

from connectors.canceled_retries import CanceledRetries
from connectors.delay import RUNG_OF, longest_wait
from infra.kafka.outbox import Outbox
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.topics import HELD, INGEST_PARTITIONS, retry
from schemas.records.wire import CampaignCommand, Held, Retry
from schemas.values.ids import partition_of
from schemas.values.lanes import Lane
from schemas.values.rungs import Rung
from tests.support.streams.fakes import numbers, slice_of
from tests.support.topic_reader import records_of
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def outbox(services: Stack, topics: None) -> AsyncIterator[Outbox]:
    made = Outbox(services.kafka, f"canceled-{secrets.token_hex(3)}")
    yield made
    await made.close()


def canceled_retries(services: Stack, outbox: Outbox) -> CanceledRetries:
    """Of a process that owns everything."""
    return CanceledRetries(
        services.kafka,
        outbox,
        places=lambda: [(topic, partition) for topic in RUNG_OF for partition in range(INGEST_PARTITIONS)],
        longest_wait=lambda topic: longest_wait(RUNG_OF[topic]),
        now=now,
    )


def command(chunk: str, positions: int, at: int | None = None) -> CampaignCommand:
    return CampaignCommand(
        tenant="t",
        campaign=chunk,
        version=1,
        status="canceled",
        lane="",
        parts=[],
        at=now() if at is None else at,
        positions=positions,
    )


async def on_rung(outbox: Outbox, rung: Rung, due: int, lane: Lane = Lane.MARKETING) -> str:
    """A chunk of three that waits there; its id."""
    chunk = f"chk_{secrets.token_hex(8)}"
    slice_ = slice_of(numbers(3), chunk=chunk, campaign=None, send=2, lane=lane)
    value = encode(Retry(not_before=due, reason="carrier_transient", slice=slice_))
    await outbox.send(retry(lane, rung), chunk.encode(), value)
    return chunk


def handed_over(services: Stack, *chunks: str) -> list[tuple[str, int, str, int, bool]]:
    rows = [row for row in records_of(services.kafka, HELD, Held) if row.slice.chunk in chunks]
    return [(row.slice.chunk, row.slice.send, row.reason, row.not_before, bool(row.slice.sealed)) for row in rows]


@pytest.mark.parametrize("rung", list(Rung))
async def test_the_slice_waits_in_the_waiting_room_until_the_same_time(services: Stack, outbox: Outbox, rung: Rung) -> None:
    due = now() + rung.wait_ms
    chunk, other = await on_rung(outbox, rung, due), await on_rung(outbox, rung, due)
    await canceled_retries(services, outbox).hand_over({chunk: command(chunk, 0b010)})
    assert handed_over(services, chunk, other) == [(chunk, 2, "carrier_transient", due, True)]


async def test_what_is_due_or_was_not_canceled_or_long_ago_stays(services: Stack, outbox: Outbox) -> None:
    due = await on_rung(outbox, Rung.TEN_SECONDS, now() - 1)
    other_position = await on_rung(outbox, Rung.ONE_MINUTE, now() + 60_000)
    long_ago = await on_rung(outbox, Rung.ONE_MINUTE, now() + 60_000)
    ours = canceled_retries(services, outbox)
    await ours.hand_over(
        {
            due: command(due, 1),
            other_position: command(other_position, 1 << 9),
            long_ago: command(long_ago, 1, at=now() - 3_600_000),
        }
    )
    assert handed_over(services, due, other_position, long_ago) == []


async def test_commands_are_worked_off_as_they_come_and_campaigns_are_passed(services: Stack, outbox: Outbox) -> None:
    chunk = await on_rung(outbox, Rung.TEN_MINUTES, now() + 600_000, Lane.OTP)
    ours = canceled_retries(services, outbox)
    running = asyncio.create_task(ours.run())
    ours.on_command(command("cmp_1", 0))
    ours.on_command(command(chunk, 1))
    await until(lambda: handed_over(services, chunk), 20)
    running.cancel()
    assert [named for named, *_ in handed_over(services, chunk)] == [chunk]


def test_a_chunk_is_looked_for_where_its_key_leads(services: Stack) -> None:
    assert {partition_of(f"chk_{n}".encode(), INGEST_PARTITIONS) for n in range(40)} == set(range(INGEST_PARTITIONS))
