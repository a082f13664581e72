"""A PostgreSQL that is frozen: it takes connections and answers nothing. Calls are answered all the same, in time.

In: a PostgreSQL of this file's own, whose processes are stopped and continued by signals. Out: 503 with `Retry-After`
within ten seconds for whatever needs it, the rest as ever, and everything as before once it goes on.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout

from gateway.role import open_gateway
from infra.postgres.pool import DatabaseDown, fetch_one, open_pool, transaction
from infra.services.postgres import PostgresService
from infra.services.stack import Stack
from tests.support.gateway_env import GatewayEnv, make_gateway_env
from tests.support.gateway_server import served

pytestmark = pytest.mark.stack
SECONDS = 10.0
GIVEN_UP = ClientTimeout(total=20)
MESSAGE = {"to": "+4915112345678", "from": "Shop", "body": "Hello"}
CODE = MESSAGE | {"lane": "otp"}
CAMPAIGN = {"name": "Sale", "from": "Shop", "body": "Hi", "recipients": [{"to": "+4915112345678"}]}
NO_CAMPAIGN = "/v1/campaigns/cmp_" + 26 * "0"
CALLS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/v1/balance", None),
    ("GET", "/v1/campaigns", None),
    ("GET", "/v1/messages", None),
    ("GET", f"{NO_CAMPAIGN}/rejections", None),
    ("GET", "/v1/messages/msg_" + 26 * "0", None),
    ("POST", "/v1/campaigns", CAMPAIGN),
    ("POST", "/v1/campaigns", CAMPAIGN | {"open": True, "recipients": []}),
    ("POST", f"{NO_CAMPAIGN}/start", None),
    ("POST", f"{NO_CAMPAIGN}/cancel", None),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedAnswer:
    """An answer and how long it took."""

    status: int
    body: Any
    retry_after: str | None
    seconds: float


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresService]:
    service = PostgresService(tmp_path_factory.mktemp("freezable"))
    service.start()
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def frozen_env(services: Stack, server: PostgresService, tmp_path_factory: pytest.TempPathFactory) -> GatewayEnv:
    stack = Stack(kafka=services.kafka, postgres=server.address, redis=services.redis, started=())
    return make_gateway_env(stack, tmp_path_factory.mktemp("gateway"))


@pytest.fixture
async def caller(frozen_env: GatewayEnv) -> AsyncIterator[ClientSession]:
    """A client of a gateway that has read its keys."""
    async with (
        open_gateway(frozen_env.settings, f"gateway-test-{secrets.token_hex(3)}") as gateway,
        served(gateway) as url,
        ClientSession(url, timeout=GIVEN_UP) as client,
    ):
        assert gateway.accounts.loaded
        client.headers["Authorization"] = f"Bearer {frozen_env.key}"
        yield client


@contextmanager
def frozen(server: PostgresService) -> Iterator[None]:
    """Every process of the server stands still."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="utf-8").split()
    for pid in map(int, children):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (*map(int, children), server.pid):
            os.kill(pid, signal.SIGCONT)


async def call(
    client: ClientSession, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
) -> TimedAnswer:
    begun = time.monotonic()
    async with client.request(method, path, json=body, headers=headers) as response:
        told = await response.json(content_type=None)
        return TimedAnswer(
            status=response.status,
            body=told,
            retry_after=response.headers.get("Retry-After"),
            seconds=time.monotonic() - begun,
        )


async def works(client: ClientSession) -> None:
    """Return once PostgreSQL is used again."""
    deadline = time.monotonic() + 30
    while (told := await call(client, "GET", "/v1/balance")).status != 200:
        assert time.monotonic() < deadline, told


async def test_every_call_is_answered_in_time(caller: ClientSession, server: PostgresService) -> None:
    await asyncio.gather(*(call(caller, "GET", "/v1/balance") for _ in range(12)))
    with frozen(server):
        told = await asyncio.gather(
            *(call(caller, method, path, body, **{"Idempotency-Key": secrets.token_hex(8)}) for method, path, body in CALLS)
        )
        singles = [
            await call(caller, "POST", "/v1/messages", MESSAGE),
            await call(
                caller, "POST", "/v1/messages", MESSAGE | {"lane": "otp"}, **{"Idempotency-Key": secrets.token_hex(8)}
            ),
        ]
        # This Redis has just begun, so that it knows of no key that it is new; who knows is frozen.
        keyed = await call(caller, "POST", "/v1/messages", MESSAGE, **{"Idempotency-Key": secrets.token_hex(8)})
    for which, one in zip(CALLS, told, strict=True):
        assert (one.status, one.body["code"]) == (503, "database_unavailable"), which
        assert one.retry_after and one.seconds < SECONDS, (which, one)
    assert all(single.status == 202 and single.seconds < SECONDS for single in singles), singles
    assert (keyed.status, keyed.body["code"]) == (503, "database_unavailable")
    assert keyed.retry_after and keyed.seconds < SECONDS
    await works(caller)
    made = await call(caller, "POST", "/v1/campaigns", CAMPAIGN)
    assert made.status == 202


async def test_the_probes_say_it_in_their_time(caller: ClientSession, server: PostgresService) -> None:
    with frozen(server):
        for _ in range(3):
            ready, health = await asyncio.gather(call(caller, "GET", "/readyz"), call(caller, "GET", "/healthz"))
            assert ready.status == 503 and ready.seconds < 4
            assert not ready.body["postgres"]["ok"] and ready.body["kafka"]["ok"] and ready.body["redis"]["ok"]
            assert health.status == 200 and health.seconds < 2
    await works(caller)
    assert (await call(caller, "GET", "/readyz")).status == 200


async def test_a_gateway_started_meanwhile_refuses_and_then_works(frozen_env: GatewayEnv, server: PostgresService) -> None:
    async with AsyncExitStack() as stack:
        with frozen(server):
            begun = time.monotonic()
            gateway = await stack.enter_async_context(open_gateway(frozen_env.settings, "gateway-test-late"))
            url = await stack.enter_async_context(served(gateway))
            client = await stack.enter_async_context(ClientSession(url, timeout=GIVEN_UP))
            assert time.monotonic() - begun < SECONDS
            client.headers["Authorization"] = f"Bearer {frozen_env.key}"
            told = await call(client, "GET", "/v1/balance")
            assert (told.status, told.body["code"]) == (503, "database_unavailable") and told.seconds < SECONDS
        await works(client)


async def test_a_statement_on_its_way_is_given_up(server: PostgresService) -> None:
    pool = await open_pool(server.address, size=1, answer_seconds=1.0)
    begun = time.monotonic()
    with pytest.raises(DatabaseDown, match="has not answered"):
        async with transaction(pool) as connection:
            with frozen(server):
                begun = time.monotonic()
                await asyncio.wait_for(connection.execute("SELECT 1"), SECONDS)
    assert time.monotonic() - begun < 5
    async with transaction(pool) as connection:
        assert await fetch_one(connection, "SELECT 1") == (1,)
    await pool.close()
