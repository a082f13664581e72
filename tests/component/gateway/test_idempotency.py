"""One key, one thing: repeats, other bodies, the first still running, after a day, and when Redis has forgotten."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis
from aiohttp import ClientSession

from gateway.app import Gateway
from gateway.carrier_routes import Routes
from gateway.idempotency.answered_keys import AnsweredKeys
from schemas.values.ids import TenantId, derived_id
from tests.support.gateway_env import GatewayEnv, slices_of

pytestmark = pytest.mark.stack
MESSAGE = {"to": "+4915112345678", "from": "Shop", "body": "Hello"}
CAMPAIGN = {"name": "Sale", "from": "Shop", "body": "Hi", "recipients": [{"to": "+4915112345678"}, {"to": "1"}]}
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def key() -> str:
    return secrets.token_hex(8)


async def post(client: ClientSession, path: str, body: dict[str, Any], key: str) -> tuple[int, Any, str | None]:
    async with client.post(path, json=body, headers={"Idempotency-Key": key}) as response:
        return response.status, await response.json(content_type=None), response.headers.get("Idempotency-Replayed")


def forget(env: GatewayEnv) -> None:
    """Redis comes back empty."""
    with redis.Redis.from_url(str(env.settings.redis.url.get_secret_value() if env.settings.redis.url else "")) as r:
        r.flushdb()


def begin_anew(env: GatewayEnv, gateway: Gateway) -> None:
    """Redis comes back empty, and the gateway remembers no more than one that has just been started."""
    forget(env)
    gateway.idempotency._answered = AnsweredKeys()


def age(env: GatewayEnv, milliseconds: int) -> None:
    """Everything accepted so far was accepted so much earlier."""
    with psycopg.connect(env.postgres) as connection:
        connection.execute("UPDATE campaigns SET created_at = created_at - %s", (milliseconds,))
        connection.execute("UPDATE chunk_payloads SET accepted_at = accepted_at - %s", (milliseconds,))
        connection.execute("UPDATE message_keys SET at = at - %s", (milliseconds,))


@pytest.mark.parametrize(("path", "body"), [("/v1/messages", MESSAGE), ("/v1/campaigns", CAMPAIGN)])
async def test_a_repeat_gets_the_same_answer(
    client: ClientSession, env: GatewayEnv, key: str, path: str, body: dict[str, Any]
) -> None:
    first = await post(client, path, body, key)
    again = await post(client, path, body, key)
    assert first[0] == 202 and first[2] is None
    assert again == (202, first[1], "true")
    assert first[1]["id"][4:] == derived_id(TenantId(env.tenant), key)
    lane = "ingest-transactional" if path == "/v1/messages" else "ingest-marketing"
    made = [s for _, s in slices_of(env.settings.kafka.bootstrap or "", lane) if first[1]["id"][4:] in s.chunk]
    assert len(made) == 1


async def test_another_body_or_path_is_refused(client: ClientSession, key: str) -> None:
    assert (await post(client, "/v1/messages", MESSAGE, key))[0] == 202
    for path, body in (("/v1/messages", MESSAGE | {"body": "Other"}), ("/v1/campaigns", CAMPAIGN)):
        status, problem, _ = await post(client, path, body, key)
        assert (status, problem["code"]) == (422, "idempotency_conflict")


async def test_a_refused_request_does_not_use_its_key(client: ClientSession, key: str) -> None:
    assert (await post(client, "/v1/messages", MESSAGE | {"to": "1"}, key))[0] == 422
    assert (await post(client, "/v1/messages", MESSAGE, key))[0] == 202


async def test_together_one_runs_and_the_others_wait(client: ClientSession, env: GatewayEnv, key: str) -> None:
    results = await asyncio.gather(*(post(client, "/v1/campaigns", CAMPAIGN, key) for _ in range(8)))
    assert {status for status, _, _ in results} <= {202, 409}
    assert len({answer["id"] for status, answer, _ in results if status == 202}) == 1
    assert all(answer["code"] == "request_running" for status, answer, _ in results if status == 409)
    assert (await post(client, "/v1/campaigns", CAMPAIGN, key))[0] == 202


async def test_the_running_mark_is_a_lease(gateway: Gateway, client: ClientSession, env: GatewayEnv, key: str) -> None:
    first = await gateway.idempotency.begin(env.tenant, key, b"d" * 16)
    gateway.idempotency._running.clear()
    status, problem, _ = await post(client, "/v1/messages", MESSAGE, key)
    assert (status, problem["code"]) == (422, "idempotency_conflict")
    with pytest.raises(Exception, match="request_running"):
        await gateway.idempotency.begin(env.tenant, key, b"d" * 16)
    assert first.mark  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [CAMPAIGN, CAMPAIGN | {"open": True, "recipients": []}])
async def test_after_redis_was_emptied_postgresql_knows(
    gateway: Gateway, client: ClientSession, env: GatewayEnv, key: str, body: dict[str, Any]
) -> None:
    first = await post(client, "/v1/campaigns", body, key)
    begin_anew(env, gateway)
    assert await post(client, "/v1/campaigns", body, key) == (202, first[1], "true")
    begin_anew(env, gateway)
    status, problem, _ = await post(client, "/v1/campaigns", body | {"name": "Other"}, key)
    assert (status, problem["code"]) == (422, "idempotency_conflict")
    begin_anew(env, gateway)
    age(env, DAY_MS + 1000)
    status, problem, _ = await post(client, "/v1/campaigns", body, key)
    assert (status, problem["code"]) == (409, "key_used")


async def test_a_message_in_postgresql_is_known_too(
    gateway: Gateway, client: ClientSession, env: GatewayEnv, key: str
) -> None:
    status, first, _ = await post(client, "/v1/messages", MESSAGE, key)
    slice_ = next(
        s for _, s in slices_of(env.settings.kafka.bootstrap or "", "ingest-transactional") if s.chunk == first["id"]
    )
    with psycopg.connect(env.postgres) as connection:
        connection.execute(
            "INSERT INTO chunk_payloads VALUES (%s, %s, NULL, 0, 1, %s, %s, %s, false, 0, 0, %s, %s, %s, %s, %s, %s,"
            " %s, '{1}', NULL)",
            (
                env.tenant,
                slice_.chunk,
                slice_.lane,
                slice_.sender,
                slice_.body,
                slice_.digest,
                slice_.accepted_at,
                slice_.due_at,
                slice_.expires_at,
                slice_.indexes,
                slice_.key_id,
                slice_.sealed,
            ),
        )
    begin_anew(env, gateway)
    assert status == 202
    assert await post(client, "/v1/messages", MESSAGE, key) == (202, first, "true")
    begin_anew(env, gateway)
    # What has become of the routes since does not change the answer.
    gateway.accounts.routes = Routes(())
    assert await post(client, "/v1/messages", MESSAGE, key) == (202, first, "true")
    begin_anew(env, gateway)
    status, problem, _ = await post(client, "/v1/messages", MESSAGE | {"body": "Other"}, key)
    assert (status, problem["code"]) == (422, "idempotency_conflict")
    begin_anew(env, gateway)
    age(env, DAY_MS + 1000)
    status, problem, _ = await post(client, "/v1/messages", MESSAGE, key)
    assert (status, problem["code"]) == (409, "key_used")


@pytest.mark.parametrize("lose", [lambda env, _: forget(env), begin_anew], ids=["redis", "redis-and-gateway"])
async def test_another_body_is_refused_before_the_sinks_have_written_the_first(
    client: ClientSession, env: GatewayEnv, gateway: Gateway, key: str, lose: Callable[[GatewayEnv, Gateway], None]
) -> None:
    status, first, _ = await post(client, "/v1/messages", MESSAGE, key)
    lose(env, gateway)
    conflict, problem, _ = await post(client, "/v1/messages", MESSAGE | {"body": "Other"}, key)
    assert (status, conflict, problem.get("code")) == (202, 422, "idempotency_conflict")
    again = await post(client, "/v1/messages", MESSAGE, key)
    assert again[:2] == (202, first)
    with psycopg.connect(env.postgres) as connection:
        rows = connection.execute("SELECT 1 FROM chunk_payloads WHERE chunk = %s", (first["id"],)).fetchall()
    assert rows == [], "PostgreSQL could not have told"


async def test_uploads_under_a_key_are_one_part(client: ClientSession, key: str) -> None:
    async with client.post("/v1/campaigns", json=CAMPAIGN | {"open": True, "recipients": []}) as response:
        campaign = (await response.json())["id"]
    answers = []
    for _ in range(2):
        async with client.post(
            f"/v1/campaigns/{campaign}/recipients",
            data=b'{"to": "+4915112345678"}',
            headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": key},
        ) as response:
            answers.append((await response.json(), response.headers.get("Idempotency-Replayed")))
    assert answers[0][0] == answers[1][0] and [replayed for _, replayed in answers] == [None, "true"]
    for _ in range(2):
        async with client.post(
            f"/v1/campaigns/{campaign}/recipients",
            data=b'{"to": "+4915112345678"}',
            headers={"Content-Type": "application/x-ndjson"},
        ) as response:
            assert response.status == 202
    async with client.get(f"/v1/campaigns/{campaign}") as response:
        assert (await response.json())["counts"]["accepted"] == 3
