"""Whoever polls seldom is told by PostgreSQL: of rows that wait, of campaigns that change, and after each new connection.

In: a database. Out: calls of `wake`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from connectors.releaser.role import WAITING_CHANNEL
from infra.postgres.wake_ups import WakeUps
from infra.services.stack import Stack
from tests.support.database import add_tenant, fresh_database
from tests.support.log_records import TENANT
from tests.support.waiting import until

pytestmark = pytest.mark.stack

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'sluice-wake-ups'"
)
CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, grouping, digest, answer, "
    f"created_at) VALUES ('{TENANT}', 'c', 'n', 's', 'b', 'marketing', 1, 'draft', 0, '', '{{}}', 0)"
)
START = "UPDATE campaigns SET status = 'running', version = version + 1"
HELD = (
    "INSERT INTO held (tenant, chunk, send, hold, portion, part, lane, reason, not_before, expires_at, positions, waiting, "
    "cost, cheapest, segments_total, slice, at) "
    f"VALUES ('{TENANT}', 'k', 1, 0, 0, 0, 'otp', 'room', 0, 0, '', 1, 0, 0, 1, '', 0)"
)


@pytest.fixture
def database(services: Stack) -> Iterator[str]:
    with fresh_database(services.postgres) as url:
        add_tenant(url, TENANT)
        yield url


@pytest.fixture
async def woken(database: str) -> AsyncIterator[list[None]]:
    """One entry a call; the first says that the connection listens."""
    calls: list[None] = []
    listening = asyncio.create_task(WakeUps(database, WAITING_CHANNEL, lambda: calls.append(None)).listen())
    await until(lambda: calls)
    yield calls
    listening.cancel()


@pytest.mark.parametrize(("before", "statement"), [("SELECT 1", HELD), ("SELECT 1", CAMPAIGN), (CAMPAIGN, START)])
async def test_what_the_releaser_has_to_see_wakes_it(database: str, before: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(before)
        calls: list[None] = []
        listening = asyncio.create_task(WakeUps(database, WAITING_CHANNEL, lambda: calls.append(None)).listen())
        await until(lambda: calls)
        connection.execute(statement)
    await until(lambda: len(calls) > 1, seconds=5)
    listening.cancel()
    assert len(calls) == 2, "one event, one call"


async def test_a_connection_that_broke_is_made_anew_and_wakes(database: str, woken: list[None]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(KILL)
        await until(lambda: len(woken) == 2, seconds=10)
        connection.execute(CAMPAIGN)
    await until(lambda: len(woken) > 2, seconds=5)
    assert len(woken) == 3, "one for the new connection, one for the event"
