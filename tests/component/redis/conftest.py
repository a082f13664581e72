"""A client of the real Redis and names that no other test uses."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.redis.client import Redis, connect


@pytest.fixture
async def redis(services: Any, patient_redis: None) -> AsyncIterator[Redis]:
    """A client of the stack's Redis."""
    client = connect(services.redis)
    yield client
    await client.close()


@pytest.fixture
def name() -> str:
    """A fresh carrier or chunk."""
    return f"t-{uuid.uuid4().hex[:12]}"
