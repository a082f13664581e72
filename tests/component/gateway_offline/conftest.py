"""A gateway whose Kafka is a list and whose PostgreSQL and Redis are away: what can be said without them.

Out: `outbox` with everything that was produced, `client` with a key that is known, `url`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from aiohttp import ClientSession

from gateway.app import Gateway
from gateway.auth.accounts import Account
from gateway.carrier_routes import Routes
from gateway.http.limits import limits_of
from gateway.idempotency.keys import Idempotency
from gateway.ingest import Ingest
from gateway.kafka_probe import KafkaProbe
from gateway.messages.recent import RecentMessages
from gateway.redis_batches import RedisBatches
from infra.kafka.outbox import Outbox
from infra.postgres.pool import open_pool
from infra.redis.client import connect
from infra.redis.releaser_board import ReleaserBoard
from infra.security.api_keys import hash_key, key_id
from infra.security.keyring import Keyring
from infra.security.sealing import Sealer
from infra.settings.model import Settings
from infra.telemetry.metrics import Metrics
from schemas.values.lanes import Lane
from tests.support.gateway_offline import KEY, NOWHERE, TENANT, KnownAccounts, ListedOutbox
from tests.support.gateway_server import served


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
    client = connect(f"redis://{NOWHERE}/0")
    redis = RedisBatches(client)
    accounts = KnownAccounts(pool, metrics)
    accounts.know(
        Account(
            tenant=TENANT, key=key_id(KEY) or "", hash=hash_key(KEY), lanes=frozenset(Lane), senders=None, available=10_000
        ),
        Routes([("+49", ["near"], 700), ("+1", ["far"], 100)]),
    )
    kafka = cast(Outbox, outbox)
    yield Gateway(
        settings=Settings(data_dir=tmp_path),
        limits=limits_of(Settings().gateway),
        outbox=kafka,
        pool=pool,
        redis=redis,
        releasers=ReleaserBoard(client),
        kafka=probe,
        accounts=accounts,
        sealer=Sealer(Keyring("k1", {"k1": bytes(32)})),
        ingest=Ingest(kafka, metrics),
        idempotency=Idempotency(redis, pool, metrics, lambda: accounts.up),
        recent=RecentMessages(redis),
        metrics=metrics,
    )
    await pool.close()


@pytest.fixture
async def url(gateway: Gateway) -> AsyncIterator[str]:
    async with served(gateway) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[ClientSession]:
    async with ClientSession(url, headers={"Authorization": f"Bearer {KEY}"}) as session:
        yield session
