"""Retries in the waiting room: released when they are due and not before, by whoever is left when a releaser is killed.

In: rows that wait for another try, releasers that die behind their steps. Out: what reaches `ingest`, which rows wait.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.releaser.leases import LEASE_MS, RowLeases
from connectors.releaser.pace import Pace
from connectors.releaser.release import Release
from connectors.releaser.role import Bursts
from connectors.releaser.rows import HeldRow
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.kafka.outbox import DeliveryError, Outbox
from infra.services.stack import Stack
from infra.settings.model import SchedulerSettings
from schemas.records.slice import ResumeAt
from schemas.records.wire import Envelope
from tests.support.log_records import NOW, SEALER, TENANT, an_envelope, held
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

DUE = NOW + 3_600_000
INSERT_CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, version, published, grouping, "
    "digest, answer, created_at) VALUES (%s, %s, 'n', 's', 'b', 'marketing', 60, %s, 3, 3, 1, '', '{}', 1)"
)


class DiesBehindProducing(RowLeases):
    """A releaser that is killed when Kafka has everything and before its rows are marked."""

    async def mark(self, taken: Sequence[tuple[HeldRow, int]]) -> None:
        raise DeliveryError("the process was killed")


def a_retry(database: str, campaign: str | None = None, **change: Any) -> str:
    """A row that waits for its fourth try until DUE; its chunk."""
    chunk = f"chk_{secrets.token_hex(8)}"
    apply_records(database, an_envelope(chunk=chunk, campaign=campaign), sink=IngestSink(SEALER))
    of = {
        "chunk": chunk,
        "campaign": campaign,
        "send": 4,
        "round": 3,
        "attempts": 4,
        "resume_at": ResumeAt.ROUTE,
        "expires_at": DUE + 86_400_000,
        **change,
    }
    apply_records(database, held(reason="carrier_transient", hold=0, not_before=DUE, of=of), sink=HeldSink())
    return chunk


def bursts(leases: RowLeases, outbox: Outbox, now: int) -> Bursts:
    """A releaser at this moment."""
    return Bursts(
        leases=leases,
        release=Release(leases, outbox, SEALER, lambda: now),
        scheduler=SchedulerSettings(),
        pace=Pace(lambda: 0.0),
        now=lambda: now,
    )


def produced(kafka: str, chunk: str) -> list[tuple[int, int, int, int]]:
    """(send, round, attempts, holds) of what came back to intake of this chunk."""
    found = records_of(kafka, "ingest-marketing", Envelope)
    return [(s.send, s.round, s.attempts, s.holds) for e in found for s in e.slices if s.chunk == chunk]


def waits(database: str, chunk: str) -> bool:
    return bool(rows(database, "SELECT FROM held WHERE chunk = %s AND waiting > 0", chunk))


@pytest.mark.parametrize("early", [3_600_000, 1])
async def test_it_waits_until_it_is_due_and_goes_then(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, early: int
) -> None:
    chunk = a_retry(database)
    assert not await bursts(leases, outbox, DUE - early).due()
    assert produced(services.kafka, chunk) == [] and waits(database, chunk)
    assert await bursts(leases, outbox, DUE).due()
    assert produced(services.kafka, chunk) == [(4, 3, 4, 1)] and not waits(database, chunk)
    assert not await bursts(leases, outbox, DUE + 1).due()


async def test_a_releaser_killed_behind_its_claim_is_followed_by_another_when_its_lease_is_over(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    chunk = a_retry(database)
    assert len(await leases.claim("due", DUE, 10)) == 1  # and killed
    assert not await bursts(leases, outbox, DUE + LEASE_MS).due()
    assert await bursts(leases, outbox, DUE + LEASE_MS + 1).due()
    assert produced(services.kafka, chunk) == [(4, 3, 4, 1)] and not waits(database, chunk)


async def test_a_releaser_killed_behind_producing_is_followed_by_the_same_slice(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    chunk = a_retry(database)
    with pytest.raises(DeliveryError):
        await bursts(DiesBehindProducing(leases._pool), outbox, DUE).due()
    assert waits(database, chunk)
    assert await bursts(leases, outbox, DUE + LEASE_MS + 1).due()
    assert produced(services.kafka, chunk) == [(4, 3, 4, 1)] * 2  # the same send: dispatch strikes what it has
    assert not waits(database, chunk)


async def test_what_was_started_meanwhile_is_struck_out(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    chunk = a_retry(database)
    execute(
        database,
        "INSERT INTO attempt_chunks (tenant, chunk, send, carrier, started, at) VALUES (%s, %s, 4, 'acme', %s, %s)",
        TENANT,
        chunk,
        b"\xff\xff",
        NOW,
    )
    assert await bursts(leases, outbox, DUE).due()
    assert produced(services.kafka, chunk) == [] and not waits(database, chunk)


@pytest.mark.parametrize(("status", "goes"), [("running", True), ("paused", False), ("canceled", False)])
async def test_of_a_campaign_it_goes_while_that_runs(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, status: str, goes: bool
) -> None:
    campaign = f"cmp_{secrets.token_hex(13).upper()}"
    execute(database, INSERT_CAMPAIGN, TENANT, campaign, status)
    chunk = a_retry(database, campaign)
    assert await bursts(leases, outbox, DUE).due() is goes
    assert waits(database, chunk) is not goes
    execute(database, "UPDATE campaigns SET status = 'running' WHERE id = %s", campaign)
    assert await bursts(leases, outbox, DUE + 1).due() is not goes
    assert produced(services.kafka, chunk) == [(4, 3, 4, 1)]


async def test_whose_validity_ends_before_it_is_due_ends_as_expired(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    chunk = a_retry(database, expires_at=DUE - 1)
    assert not await bursts(leases, outbox, DUE).due()
    assert await bursts(leases, outbox, DUE).others()
    assert produced(services.kafka, chunk) == [] and not waits(database, chunk)


async def test_the_releaser_is_reminded_of_the_first_that_is_due(database: str, leases: RowLeases, outbox: Outbox) -> None:
    a_retry(database)
    ((at,),) = await leases.query("next_due", {"now": NOW, "after": NOW})
    assert at == DUE
