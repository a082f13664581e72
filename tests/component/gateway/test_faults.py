"""What holds when a service is away or a gateway died on the way."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import psycopg
import pytest
import redis
from aiohttp import ClientSession
from pydantic import SecretStr

from gateway.role import open_gateway
from infra.settings.model import KafkaSettings, PostgresSettings, RedisSettings, Settings
from schemas.records.codec import decode_as
from schemas.records.topics import COMMANDS
from schemas.records.wire import CampaignCommand
from tests.support.gateway_env import GatewayEnv, read_all, slices_of
from tests.support.gateway_server import served

pytestmark = pytest.mark.stack
CAMPAIGN = {"name": "Sale", "from": "Shop", "body": "Hi", "recipients": [{"to": "+4915112345678"}]}
NOWHERE = "127.0.0.1:9"


async def serve(settings: Settings, key: str) -> AsyncIterator[ClientSession]:
    """A client of a gateway with these settings."""
    async with (
        open_gateway(settings, f"gateway-test-{secrets.token_hex(3)}") as gateway,
        served(gateway) as url,
        ClientSession(url, headers={"Authorization": f"Bearer {key}"}) as session,
    ):
        yield session


@pytest.fixture
async def without_redis(env: GatewayEnv) -> AsyncIterator[ClientSession]:
    settings = env.settings.model_copy(update={"redis": RedisSettings(url=SecretStr(f"redis://{NOWHERE}/0"))})
    async for client in serve(settings, env.key):
        yield client


def versions(env: GatewayEnv, campaign: str) -> list[tuple[int, str]]:
    return [
        (c.version, c.status)
        for c in (
            decode_as(m.value(), CampaignCommand)
            for m in read_all(env.settings.kafka.bootstrap or "", COMMANDS)
            if m.key() == campaign.encode()
        )
    ]


async def test_without_redis_postgresql_keeps_one_key_one_thing(without_redis: ClientSession) -> None:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    async with without_redis.post("/v1/campaigns", json=CAMPAIGN, headers=headers) as response:
        first = await response.json()
        assert response.status == 202
    async with without_redis.post("/v1/campaigns", json=CAMPAIGN, headers=headers) as response:
        assert (response.status, await response.json()) == (202, first)
        assert response.headers["Idempotency-Replayed"] == "true"
    async with without_redis.post("/v1/campaigns", json=CAMPAIGN | {"name": "x"}, headers=headers) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (422, "idempotency_conflict")
    async with without_redis.post("/v1/messages", json={"to": "+4915112345678", "from": "Shop", "body": "x"}) as response:
        single = (await response.json())["id"]
    async with without_redis.get(f"/v1/messages/{single}") as response:
        assert (response.status, (await response.json())["status"]) == (200, "accepted")


async def test_a_row_that_is_ahead_is_published_by_the_next_call(client: ClientSession, env: GatewayEnv) -> None:
    key = secrets.token_hex(8)
    async with client.post(
        "/v1/campaigns", json=CAMPAIGN | {"open": True, "recipients": []}, headers={"Idempotency-Key": key}
    ) as response:
        campaign = (await response.json())["id"]
    with psycopg.connect(env.postgres) as connection:
        connection.execute("UPDATE campaigns SET status = 'running', version = 2 WHERE id = %s", (campaign,))
    assert versions(env, campaign) == [(1, "draft")]
    async with client.post(f"/v1/campaigns/{campaign}/start") as response:
        assert response.status == 202
    assert versions(env, campaign) == [(1, "draft"), (2, "running")]
    with psycopg.connect(env.postgres) as connection:
        row = connection.execute("SELECT published FROM campaigns WHERE id = %s", (campaign,)).fetchone()
    assert row == (2,)


async def test_a_gateway_that_died_before_the_row_is_repeated_under_the_same_ids(
    client: ClientSession, env: GatewayEnv
) -> None:
    key = secrets.token_hex(8)
    async with client.post("/v1/campaigns", json=CAMPAIGN, headers={"Idempotency-Key": key}) as response:
        first = await response.json()
    with psycopg.connect(env.postgres) as connection:
        connection.execute("DELETE FROM campaign_parts WHERE campaign = %s", (first["id"],))
        connection.execute("DELETE FROM campaigns WHERE id = %s", (first["id"],))
    with redis.Redis.from_url(env.settings.redis.url.get_secret_value() if env.settings.redis.url else "") as r:
        r.flushdb()
    async with client.post("/v1/campaigns", json=CAMPAIGN, headers={"Idempotency-Key": key}) as response:
        assert (response.status, await response.json()) == (202, first)
    sealer = env.sealer()
    slices = [s for _, s in slices_of(env.settings.kafka.bootstrap or "", "ingest-marketing")]
    made = [(s.chunk, s.indexes, sealer.open(s)) for s in slices if s.campaign == first["id"]]
    assert len(made) == 2 and made[0] == made[1]


async def test_kafka_away_is_503_within_ten_seconds_and_nothing_counts(env: GatewayEnv) -> None:
    settings = env.settings.model_copy(update={"kafka": KafkaSettings(bootstrap=NOWHERE)})
    async for client in serve(settings, env.key):
        async with client.post("/v1/campaigns", json=CAMPAIGN | {"name": "never"}) as response:
            problem = await response.json(content_type=None)
        assert (response.status, problem["code"]) == (503, "kafka_unavailable")
        async with client.get("/readyz") as response:
            body = await response.json()
        assert response.status == 503 and not body["kafka"]["ok"] and body["postgres"]["ok"] and body["redis"]["ok"]
        async with client.get("/v1/campaigns", params={"limit": "1000"}) as response:
            assert "never" not in [campaign["name"] for campaign in (await response.json())["campaigns"]]


async def test_the_app_role_is_what_the_gateway_uses(env: GatewayEnv) -> None:
    assert env.settings.postgres == PostgresSettings(url=SecretStr(env.postgres))
    async with open_gateway(env.settings, "gateway-role") as gateway, gateway.pool.connection() as connection:
        row = await (await connection.execute("SELECT current_user, count(*) FROM campaigns")).fetchone()
    assert row == ("sluice_app", 0)
