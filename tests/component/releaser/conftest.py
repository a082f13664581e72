"""A database of the test's own with one tenant and two carriers, and a way out to the shared Kafka.

In: `services`. Out: `database` (its URL), `leases`, `outbox`, `behind`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from connectors.releaser.leases import RowLeases
from infra.kafka.outbox import Outbox
from infra.postgres.pool import open_pool
from infra.redis.client import connect
from infra.services.stack import Stack
from tests.support.database import add_tenant, fresh_database
from tests.support.log_records import TENANT
from tests.support.waiting_behind import Behind

CARRIER = (
    "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition) "
    "VALUES (%s, %s, 'smpp', 1, 1, 2, %s, 0)"
)


@pytest.fixture
def database(services: Stack, topics: None) -> Iterator[str]:
    """Receipts of `acme` are awaited for a minute, those of `slow` for an hour."""
    with fresh_database(services.postgres) as url:
        add_tenant(url, TENANT, reserved=100_000)
        with psycopg.connect(url) as connection:
            connection.execute(CARRIER, ("acme", 3, 60))
            connection.execute(CARRIER, ("slow", 4, 3600))
        yield url


@pytest.fixture
async def leases(database: str) -> AsyncIterator[RowLeases]:
    """The hold of one releaser."""
    pool = await open_pool(database, size=4)
    yield RowLeases(pool)
    await pool.close()


@pytest.fixture
async def outbox(services: Stack) -> AsyncIterator[Outbox]:
    """A producer."""
    made = Outbox(services.kafka, f"releaser-{secrets.token_hex(3)}")
    yield made
    await made.close()


@pytest.fixture
async def behind(services: Stack, patient_redis: None, database: str, outbox: Outbox) -> AsyncIterator[Behind]:
    """A carrier behind which rows wait."""
    redis, pool = connect(services.redis), await open_pool(database, size=4)
    yield Behind(services.kafka, database, pool, outbox, redis)
    await redis.close()
    await pool.close()
