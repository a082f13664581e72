"""A gateway of our own on real services: a database for this folder's tests, an account, routes, an HTTP client.

In: `services`. Out: `env` (addresses and keys, once a run), `gateway` (the parts of a running one), `client` (HTTP with
the account's key).
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from gateway.app import Gateway
from gateway.role import open_gateway
from infra.services.stack import Stack
from tests.support.gateway_env import GatewayEnv, make_gateway_env
from tests.support.gateway_server import served


@pytest.fixture(scope="session")
def env(services: Stack, tmp_path_factory: pytest.TempPathFactory) -> GatewayEnv:
    """Topics, a migrated database of our own, an account, two routes."""
    return make_gateway_env(services, tmp_path_factory.mktemp("gateway"))


@pytest.fixture
async def gateway(env: GatewayEnv, patient_redis: None) -> AsyncIterator[Gateway]:
    """The parts of a gateway."""
    async with open_gateway(env.settings, f"gateway-test-{secrets.token_hex(3)}") as opened:
        yield opened


@pytest.fixture
async def url(gateway: Gateway) -> AsyncIterator[str]:
    """Where the gateway listens."""
    async with served(gateway) as url:
        yield url


@pytest.fixture
async def client(url: str, env: GatewayEnv) -> AsyncIterator[ClientSession]:
    """HTTP with the account's key."""
    async with ClientSession(url, headers={"Authorization": f"Bearer {env.key}"}) as session:
        yield session
