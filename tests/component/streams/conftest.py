"""A database of the test's own, with one tenant, and a pool on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from infra.postgres.pool import Pool, open_pool
from infra.services.stack import Stack
from tests.support.database import add_tenant, fresh_database
from tests.support.streams.fakes import TENANT


@pytest.fixture
def database(services: Stack) -> Iterator[str]:
    """A migrated database; the tenant has 1.0000."""
    with fresh_database(services.postgres) as url:
        add_tenant(url, TENANT, balance=10_000)
        yield url


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool of the operator."""
    made = await open_pool(database, size=4)
    yield made
    await made.close()
