"""Quiet hours that change reach campaigns that wait for hours already, once every role can know them.

In: rows that wait for hours, changes by the command line's store. Out: whether releasers look at them again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest

from connectors.releaser.leases import RowLeases
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.postgres.admin_store import AdminStore, open_admin_store
from schemas.rules.written_hours import parse_hours
from schemas.values.profile import Profile
from tests.support.log_records import SEALER, TENANT, an_envelope, held
from tests.support.releaser_rows import apply_records, execute, rows

pytestmark = pytest.mark.stack

KNOWN_MS = 3000
"""Every role knows a change of the configuration by then."""
CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, version, published, grouping, "
    "digest, answer, created_at, profile) "
    "VALUES (%s, %s, 'Hours', 'Shop', 'Hi', 'marketing', 60, 'running', 1, 1, 0, '', '{}', 1, %s)"
)
PART = "INSERT INTO campaign_parts VALUES (%s, %s, 0, 1, 1, 0, '[]', '', 1)"
QUIET = [{"from": "01:00", "to": "02:00", "days": [], "timezone": "recipient"}]


def waiting(database: str, profile: str | None, at: int | None = None) -> str:
    """A campaign of which a chunk waits for its hours; its id."""
    now = time.time_ns() // 1_000_000
    campaign, chunk = f"cmp_{secrets.token_hex(8)}", f"chk_{secrets.token_hex(8)}"
    execute(database, CAMPAIGN, TENANT, campaign, profile)
    execute(database, PART, TENANT, campaign)
    of = {"chunk": chunk, "campaign": campaign, "expires_at": now + 86_400_000}
    apply_records(database, an_envelope(chunk=chunk, campaign=campaign), sink=IngestSink(SEALER))
    row = held(reason="closed_hours", not_before=now + 3_600_000, at=now if at is None else at, of=of)
    apply_records(database, row, sink=HeldSink())
    return campaign


async def looked_at(leases: RowLeases, later: int) -> set[str]:
    """Campaigns that a releaser takes rows out of, so many milliseconds from now."""
    asked = {"now": time.time_ns() // 1_000_000 + later, "enough": 1, "open": True}
    return {campaign for _, campaign, _ in await leases.query("ready_campaigns", asked)}


def night(hours: str) -> Profile:
    return Profile(name="night", quiet_hours=(parse_hours(hours),))


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.set_tenant(TENANT, quiet_hours={"marketing": QUIET}),
        lambda store: store.profiles.set(night("02:00-03:00")),
        lambda store: store.profiles.remove("night"),
    ],
    ids=["tenant", "profile", "removed"],
)
async def test_they_are_looked_at_once_every_role_knows_them(
    database: str, leases: RowLeases, change: Callable[[AdminStore], object]
) -> None:
    with open_admin_store(database) as store:
        store.profiles.set(night("01:00-02:00"))
        campaign = waiting(database, "night")
        assert await looked_at(leases, KNOWN_MS + 1) == set()
        change(store)
    assert await looked_at(leases, 0) == set()  # intake may not know them yet and would send it back
    assert await looked_at(leases, KNOWN_MS + 1) == {campaign}
    now = time.time_ns() // 1_000_000
    assert await leases.claim("started", now, 10, tenant=TENANT, campaign=campaign) == []
    assert len(await leases.claim("started", now + KNOWN_MS + 1, 10, tenant=TENANT, campaign=campaign)) == 1


async def test_what_has_other_hours_or_waits_since_then_is_left_alone(database: str, leases: RowLeases) -> None:
    with open_admin_store(database) as store:
        store.profiles.set(night("01:00-02:00"))
        other, since = waiting(database, None), waiting(database, "night", at=time.time_ns() // 1_000_000 + 60_000)
        store.profiles.set(night("02:00-03:00"))
        store.profiles.set(night("02:00-03:00"))
        store.set_tenant(TENANT, weight=2)
    assert await looked_at(leases, KNOWN_MS + 1) == set()
    changed = dict(rows(database, "SELECT id, hours_changed_at > 0 FROM campaigns"))
    assert changed == {other: False, since: True}
