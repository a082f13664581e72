"""Messages that were canceled by themselves while they waited: they end, what waits in the same row stays.

In: rows of the waiting room, canceled messages, releasers that die behind their steps. Out: events, money, what waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.releaser.leases import LEASE_MS, RowLeases
from connectors.releaser.maintenance import CANCELED_MS, close_canceled, forget_canceled, publish_campaigns
from connectors.releaser.pace import Pace
from connectors.releaser.release import Release
from connectors.releaser.role import Bursts
from connectors.releaser.rows import HeldRow
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.kafka.command_cache import CommandCache
from infra.kafka.outbox import DeliveryError, Outbox
from infra.services.stack import Stack
from infra.settings.model import SchedulerSettings
from schemas.records.topics import COMMANDS, USAGE
from schemas.records.wire import CampaignCommand, Envelope, Usage
from schemas.values.positions import everyone, places
from tests.support.log_records import NOW, SEALER, SIZE, TENANT, an_envelope, change, events, held
from tests.support.releaser_rows import apply_records, events_of, execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack


class DiesBehindProducing(RowLeases):
    """A releaser that is killed when Kafka has everything and before its rows are marked."""

    async def mark(self, taken: Sequence[tuple[HeldRow, int]]) -> None:
        raise DeliveryError("the process was killed")


def waiting(database: str, reason: str = "room", not_before: int = NOW, **of: Any) -> str:
    """A chunk that waits whole; its id."""
    chunk = f"chk_{secrets.token_hex(8)}"
    of = {"chunk": chunk, "campaign": None, "expires_at": NOW + 86_400_000, **of}
    apply_records(database, an_envelope(chunk=chunk, campaign=None), sink=IngestSink(SEALER))
    apply_records(database, held(reason=reason, not_before=not_before, of=of), sink=HeldSink())
    return chunk


def cancel(database: str, chunk: str, *positions: int, published: int = 1) -> None:
    execute(
        database,
        "INSERT INTO canceled_messages (tenant, chunk, lane, places, published, at) VALUES (%s, %s, 'otp', %s, %s, %s)",
        TENANT,
        chunk,
        list(positions),
        published,
        NOW,
    )


def bursts(leases: RowLeases, outbox: Outbox, now: int = NOW) -> Bursts:
    return Bursts(
        leases=leases,
        release=Release(leases, outbox, SEALER, lambda: now),
        scheduler=SchedulerSettings(),
        pace=Pace(lambda: 0.0),
        now=lambda: now,
    )


def ended(kafka: str, chunk: str) -> list[tuple[str, int]]:
    """What the events say of this chunk."""
    return [(change.status, change.positions) for record in events_of(kafka, chunk) for change in record.changes]


def left(database: str, chunk: str) -> list[tuple[int, int, int]]:
    """(positions, waiting, segments) of its rows."""
    found = rows(database, "SELECT positions, waiting, segments_total FROM held WHERE chunk = %s", chunk)
    return [(int.from_bytes(positions, "little"), count, segments) for positions, count, segments in found]


@pytest.mark.parametrize("reason", ["room", "scheduled", "closed_hours", "carrier_transient", "stopped"])
async def test_it_ends_whatever_it_waits_for_and_its_neighbours_stay(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, reason: str
) -> None:
    chunk, other = waiting(database, reason, NOW + 3_600_000), waiting(database, reason, NOW + 3_600_000)
    cancel(database, chunk, 1, 3)
    assert await bursts(leases, outbox).canceled()
    assert not await bursts(leases, outbox).canceled()
    rest = everyone(SIZE) & ~0b1010
    assert left(database, chunk) == [(rest, SIZE - 2, SIZE - 2)]
    assert left(database, other) == [(everyone(SIZE), SIZE, SIZE)]
    assert ended(services.kafka, chunk) == [("canceled", 0b1010)]
    [usage] = [one for one in records_of(services.kafka, USAGE, Usage) if one.chunk == chunk]
    assert (usage.refunded, usage.charged) == (0b1010, 0)
    assert rows(database, "SELECT lease_until FROM held WHERE chunk = %s", chunk) == [(0,)]  # what stays is free to go


async def test_nothing_ends_before_every_role_can_know_it(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    chunk = waiting(database)
    cancel(database, chunk, 0, published=0)
    assert not await bursts(leases, outbox).canceled()
    await publish_campaigns(leases, outbox, lambda: NOW)  # its gateway died behind the row
    told = [one for one in records_of(services.kafka, COMMANDS, CampaignCommand) if one.campaign == chunk]
    assert [(one.status, one.version, places(one.positions)) for one in told] == [("canceled", 1, [0])]
    assert await bursts(leases, outbox).canceled()
    assert ended(services.kafka, chunk) == [("canceled", 1)]


async def test_a_releaser_killed_behind_producing_is_followed_by_the_same_end(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    chunk = waiting(database)
    cancel(database, chunk, 2)
    with pytest.raises(DeliveryError):
        await bursts(DiesBehindProducing(leases._pool), outbox).canceled()
    assert left(database, chunk) == [(everyone(SIZE), SIZE, SIZE)]
    assert await bursts(leases, outbox, NOW + LEASE_MS + 1).canceled()
    assert ended(services.kafka, chunk) == [("canceled", 0b100)] * 2  # the same sequence: it counts once
    assert left(database, chunk) == [(everyone(SIZE) & ~0b100, SIZE - 1, SIZE - 1)]


async def test_what_was_started_meanwhile_does_not_end(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    chunk = waiting(database)
    cancel(database, chunk, 0, 1)
    execute(
        database,
        "INSERT INTO attempt_chunks (tenant, chunk, send, carrier, started, at) VALUES (%s, %s, 1, 'acme', %s, %s)",
        TENANT,
        chunk,
        b"\x02",
        NOW,
    )
    assert await bursts(leases, outbox).canceled()
    assert ended(services.kafka, chunk) == [("canceled", 1)]
    assert left(database, chunk) == [(everyone(SIZE) & ~0b11, SIZE - 2, SIZE - 2)]
    assert [one for one in records_of(services.kafka, "ingest-marketing", Envelope) if one.slices[0].chunk == chunk] == []


@pytest.mark.parametrize(("status", "open_"), [("queued", True), ("sending", True), ("canceled", False), ("sent", False)])
async def test_it_is_looked_for_until_it_is_over(
    database: str, leases: RowLeases, outbox: Outbox, status: str, open_: bool
) -> None:
    chunk = f"chk_{secrets.token_hex(8)}"
    cancel(database, chunk, 0)
    await close_canceled(leases, outbox, lambda: NOW)
    assert rows(database, "SELECT open FROM canceled_messages WHERE chunk = %s", chunk) == [(True,)]
    apply_records(database, events(change(status), chunk=chunk))
    await close_canceled(leases, outbox, lambda: NOW)
    assert rows(database, "SELECT open FROM canceled_messages WHERE chunk = %s", chunk) == [(open_,)]


async def test_a_week_after_all_is_over_the_command_ends_and_another_cancel_begins_anew(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    over, open_ = f"chk_{secrets.token_hex(8)}", f"chk_{secrets.token_hex(8)}"
    for chunk in (over, open_):
        cancel(database, chunk, 0)
    execute(database, "UPDATE canceled_messages SET open = false WHERE chunk = %s", over)
    await forget_canceled(leases, outbox, lambda: NOW + CANCELED_MS)
    assert len(rows(database, "SELECT FROM canceled_messages")) == 2
    await forget_canceled(leases, outbox, lambda: NOW + CANCELED_MS + 1)
    assert rows(database, "SELECT chunk FROM canceled_messages") == [(open_,)]

    cache = CommandCache(services.kafka)
    await cache.start()
    assert cache.get(over) is None
    cancel(database, over, 3, published=0)
    await publish_campaigns(leases, outbox, lambda: NOW)
    assert await cache.wait_version(over, 1, 20)
    known = cache.get(over)
    assert known is not None and known.positions == 0b1000
    await cache.stop()
