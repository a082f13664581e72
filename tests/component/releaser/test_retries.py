"""The command `retry` worked off: killed between its plan and its end, exactly the same is produced again.

In: a campaign with failed messages in PostgreSQL, an outbox that dies. Out: the slices on `ingest-marketing`.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from connectors.releaser.leases import LEASE_MS, RowLeases
from connectors.releaser.retries import Retries
from connectors.sinks.ingest import IngestSink
from infra.kafka.outbox import DeliveryError, Outbox
from infra.services.stack import Stack
from schemas.records.wire import Envelope
from tests.support.log_records import NOW, SEALER, TENANT, an_envelope, change, events
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

INSERT_CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, version, published, grouping, "
    "digest, answer, created_at) VALUES (%s, %s, 'n', 's', 'b', 'marketing', 60, %s, 3, 3, 1, '', '{}', 1)"
)


class DeadOutbox:
    """Dies before Kafka has anything."""

    def send(self, *_record: Any) -> asyncio.Future[int]:
        raise DeliveryError("the process was killed")


@pytest.fixture
def campaign(database: str) -> str:
    """A running campaign with one chunk, of which positions 1 and 3 failed, and a retry of what failed."""
    identity = f"cmp_{secrets.token_hex(13).upper()}"
    execute(database, INSERT_CAMPAIGN, TENANT, identity, "running")
    chunk = chunk_of(identity)
    apply_records(database, an_envelope(chunk=chunk, campaign=identity), sink=IngestSink(SEALER))
    apply_records(
        database,
        events(change("sent", carrier="acme"), change("failed", 0b1010, carrier="acme"), chunk=chunk, campaign=identity),
    )
    execute(
        database,
        "INSERT INTO campaign_retries (tenant, campaign, number, scope, at) VALUES (%s, %s, 1, 'failed', 1)",
        TENANT,
        identity,
    )
    return identity


def chunk_of(campaign: str) -> str:
    return f"chk_{campaign[4:]}_0_0"


def slices(kafka: str, campaign: str) -> list[tuple[int, int, int]]:
    """(send, round, positions) of what was produced of this campaign."""
    found = records_of(kafka, "ingest-marketing", Envelope)
    return [(s.send, s.round, s.positions) for e in found for s in e.slices if s.campaign == campaign]


async def test_a_releaser_killed_behind_its_plan_is_followed_by_the_same_slices(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, campaign: str
) -> None:
    with pytest.raises(DeliveryError):
        await Retries(leases, DeadOutbox(), SEALER, lambda: NOW).turn()  # type: ignore[arg-type]
    assert slices(services.kafka, campaign) == []

    # Meanwhile one of the two has come to another end: it is in the plan all the same.
    apply_records(
        database,
        events(change("failed", 0b10, send=2, carrier="acme"), chunk=chunk_of(campaign), campaign=campaign),
    )
    assert not await Retries(leases, outbox, SEALER, lambda: NOW + LEASE_MS).turn()
    later = Retries(leases, outbox, SEALER, lambda: NOW + LEASE_MS + 1)
    while await later.turn():
        pass
    assert slices(services.kafka, campaign) == [(2, 1, 0b1010)]
    assert rows(database, "SELECT done, messages, plan FROM campaign_retries") == [(True, 2, None)]


async def test_what_goes_again_goes_under_the_campaigns_profile(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, campaign: str
) -> None:
    execute(database, "UPDATE campaigns SET profile = 'night' WHERE id = %s", campaign)
    await Retries(leases, outbox, SEALER, lambda: NOW).turn()
    found = [s for e in records_of(services.kafka, "ingest-marketing", Envelope) for s in e.slices if s.campaign == campaign]
    assert [(s.send, s.profile) for s in found] == [(2, "night")]


@pytest.mark.parametrize("status", ["paused", "canceled"])
async def test_a_campaign_that_does_not_run_waits(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, campaign: str, status: str
) -> None:
    execute(database, "UPDATE campaigns SET status = %s WHERE id = %s", status, campaign)
    assert not await Retries(leases, outbox, SEALER, lambda: NOW).turn()
    assert slices(services.kafka, campaign) == []
