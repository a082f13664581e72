"""What dispatch changes by itself is in the audit: once a change, and later where PostgreSQL was away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from connectors.dispatch.health_audit import SHARE_MS, HealthAudit
from infra.postgres.pool import Pool, open_pool
from infra.services.stack import Stack
from schemas.rules.carrier_health import BreakerState, CarrierHealth
from tests.support.database import fresh_database
from tests.support.releaser_rows import rows

pytestmark = pytest.mark.stack

WRITTEN = "SELECT who, action, subject, detail FROM audit WHERE subject IN ('acme', 'other') ORDER BY number"


class Clock:
    """Milliseconds that a test moves."""

    now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def database(services: Stack) -> Iterator[str]:
    with fresh_database(services.postgres) as url:
        yield url


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = await open_pool(database, size=1)
    yield made
    await made.close()


def health(state: BreakerState = BreakerState.CLOSED, share: float = 1.0, fault: str = "") -> CarrierHealth:
    return CarrierHealth(state=state, since=1, share=share, fault=fault)


async def test_a_row_for_each_change(database: str, pool: Pool) -> None:
    clock = Clock()
    audit = HealthAudit(pool, "dispatch-bulk", clock)
    await audit.report({"acme": health(), "other": health()})
    lost = health(BreakerState.OPEN, fault="connection lost")
    for one in (lost, lost, health(BreakerState.PROBING), health()):
        await audit.report({"acme": one, "other": health()})
    said: list[tuple[Any, ...]] = [
        ("dispatch-bulk", "carrier.breaker", "acme", {"state": ["closed", "open"], "fault": "connection lost"}),
        ("dispatch-bulk", "carrier.breaker", "acme", {"state": ["open", "probing"], "fault": ""}),
        ("dispatch-bulk", "carrier.breaker", "acme", {"state": ["probing", "closed"], "fault": ""}),
    ]
    assert rows(database, WRITTEN) == said


async def test_a_share_that_moves_much_is_a_row_in_ten_seconds(database: str, pool: Pool) -> None:
    clock = Clock()
    audit = HealthAudit(pool, "dispatch-otp", clock)
    for share in (0.98, 0.6, 0.55, 0.7):
        await audit.report({"acme": health(share=share)})
    clock.now += SHARE_MS
    for share in (0.7, 0.65):
        await audit.report({"acme": health(share=share)})
    clock.now += SHARE_MS
    for share in (0.75, 0.99, 1.0):
        await audit.report({"acme": health(share=share)})
        clock.now += SHARE_MS
    moves = [detail["share"] for *_, detail in rows(database, WRITTEN)]
    assert moves == [[1.0, 0.98], [0.98, 0.7], [0.7, 0.99], [0.99, 1.0]]


async def test_what_was_noted_without_postgresql_is_written_later(database: str, pool: Pool) -> None:
    away = await open_pool("postgresql://127.0.0.1:1/none", size=1, wait_seconds=0.2)
    audit = HealthAudit(away, "dispatch-otp", Clock())
    await audit.report({"acme": health(BreakerState.OPEN)})
    await away.close()
    assert len(audit.rows) == 1
    audit._pool = pool
    await audit.report({"acme": health(BreakerState.OPEN)})
    assert [action for _, action, _, _ in rows(database, WRITTEN)] == ["carrier.breaker"] and not audit.rows


async def test_a_fault_in_a_carriers_own_words_is_kept_as_far_as_it_can_be(database: str, pool: Pool) -> None:
    audit = HealthAudit(pool, "dispatch-bulk", Clock())
    await audit.report({"acme": health(BreakerState.OPEN, fault="no\0\ud800 " + "x" * 9_000)})
    [(_, _, _, detail)] = rows(database, WRITTEN)
    assert detail["fault"].startswith("no\ufffd\ufffd x") and len(detail["fault"]) == 300 and not audit.rows
