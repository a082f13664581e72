"""A gateway whose Kafka is a list and whose PostgreSQL and Redis are away: what can be said without them.

Out: `outbox` with everything that was produced, `client` with a key that is known, `url`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientSession

from gateway.accounts import Account, Accounts
from gateway.bounds import bounds_of
from gateway.fresh_messages import FreshMessages
from gateway.idempotency import Idempotency
from gateway.ingest import Ingest
from gateway.kafka_probe import KafkaProbe
from gateway.openapi import describe
from gateway.redis_batches import RedisBatches
from gateway.routes.table import ROUTES
from gateway.routing import Routes
from gateway.state import Gateway
from infra.kafka.outbox import Headers, Outbox, Report
from infra.postgres.pool import open_pool
from infra.redis.client import connect
from infra.security.api_keys import hash_key, key_id, new_key
from infra.security.keyring import Keyring
from infra.security.sealing import Sealer
from infra.settings.model import Settings
from infra.telemetry.metrics import Metrics
from schemas.values.lanes import Lane
from tests.support.gateway_server import served

NOWHERE = "127.0.0.1:9"
TENANT = "0b7c1d52-5f0f-4b3e-9d38-0d9a1a3f7c11"
KEY = new_key()[0]


@dataclass
class ListedOutbox:
    """Acknowledges at once, or fails with `error`."""

    sent: list[tuple[str, bytes | None, bytes | None]] = field(default_factory=list)
    error: str | None = None

    def post(self, topic: str, key: bytes | None, value: bytes | None, _headers: Headers, _partition: int,
             report: Report) -> None:
        self.sent.append((topic, key, value))
        asyncio.get_running_loop().call_soon(report, self.error, 0, len(self.sent))


class KnownAccounts(Accounts):
    """Accounts that were read long ago; PostgreSQL is away."""

    def know(self, account: Account, routes: Routes) -> None:
        self._by_key = {account.key: account}
        self._rows, self.routes = [], routes

    async def refresh(self) -> None:
        return


@pytest.fixture
def outbox() -> ListedOutbox:
    return ListedOutbox()


@pytest.fixture(scope="session")
def probe() -> KafkaProbe:
    """One for all: each is a client that goes on looking for its broker as long as the process lives."""
    return KafkaProbe(NOWHERE)


@pytest.fixture
async def gateway(outbox: ListedOutbox, probe: KafkaProbe, tmp_path: Path) -> AsyncIterator[Gateway]:
    metrics = Metrics()
    pool = await open_pool(f"postgresql://{NOWHERE}/none", role="app", size=1, wait_seconds=0.05)
    redis = RedisBatches(connect(f"redis://{NOWHERE}/0"))
    accounts = KnownAccounts(pool, metrics)
    accounts.know(Account(tenant=TENANT, key=key_id(KEY) or "", hash=hash_key(KEY), lanes=frozenset(Lane), senders=None,
                          available=10_000),
                  Routes([("+49", ["near"], 700), ("+1", ["far"], 100)]))
    kafka = cast(Outbox, outbox)
    yield Gateway(
        settings=Settings(data_dir=tmp_path), outbox=kafka, pool=pool, redis=redis, kafka=probe,
        accounts=accounts, sealer=Sealer(Keyring("k1", {"k1": bytes(32)})), ingest=Ingest(kafka, metrics),
        idempotency=Idempotency(redis, pool, metrics, lambda: accounts.up), fresh=FreshMessages(redis), metrics=metrics,
        spool_dir=tmp_path / "spool", openapi=describe(ROUTES, "1"), bounds=bounds_of(Settings().gateway))
    await pool.close()


@pytest.fixture
async def url(gateway: Gateway) -> AsyncIterator[str]:
    async with served(gateway) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[ClientSession]:
    async with ClientSession(url, headers={"Authorization": f"Bearer {KEY}"}) as session:
        yield session


def message(**changes: Any) -> dict[str, Any]:
    """A message that is accepted, with these changes."""
    return {"to": "+4915112345678", "from": "Shop", "body": "Hello"} | changes
