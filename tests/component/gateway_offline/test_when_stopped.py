"""Under an emergency stop new messages are accepted and kept; where the settings say `refuse` they are 503 at once.

In: stops in force, as the configuration told of them. Out: the answer, and what was produced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from gateway.app import Gateway
from infra.settings.model import Settings
from schemas.rules.stops import Stop
from tests.support.gateway_offline import KEY, TENANT, ListedOutbox, message
from tests.support.gateway_server import served

CAMPAIGN = {"name": "Spring", "from": "Shop", "body": "Hello", "recipients": [{"to": "+4915112345678"}]}


@asynccontextmanager
async def stopped(gateway: Gateway, kind: str, name: str, when_stopped: str) -> AsyncIterator[ClientSession]:
    gateway.accounts.stops = frozenset({Stop(kind, name)})
    said = Settings.model_validate({"gateway": {"when_stopped": when_stopped}}).gateway
    settings = gateway.settings.model_copy(update={"gateway": said})
    headers = {"Authorization": f"Bearer {KEY}"}
    async with served(replace(gateway, settings=settings)) as url, ClientSession(url, headers=headers) as session:
        yield session


@pytest.mark.parametrize(("kind", "name"), [("all", ""), ("tenant", TENANT), ("sender", "Shop")])
async def test_what_is_stopped_is_refused_where_the_settings_say_so(
    gateway: Gateway, outbox: ListedOutbox, kind: str, name: str
) -> None:
    async with stopped(gateway, kind, name, "refuse") as client:
        for path, body in (("/v1/messages", message(lane="otp")), ("/v1/campaigns", CAMPAIGN)):
            async with client.post(path, json=body) as response:
                problem = await response.json(content_type="application/problem+json")
            assert (response.status, problem["code"]) == (503, "stopped") and response.headers["Retry-After"]
        assert outbox.sent == []
        async with client.post("/v1/messages", json=message(**{"from": "Other"})) as response:
            assert response.status == (202 if kind == "sender" else 503)


async def test_else_it_is_accepted_and_kept(gateway: Gateway, outbox: ListedOutbox) -> None:
    async with (
        stopped(gateway, "all", "", "hold") as client,
        client.post("/v1/messages", json=message(lane="otp")) as response,
    ):
        assert response.status == 202
    assert len(outbox.sent) == 1
