"""19. The scheduler: what waits goes on while the releasers are started, and rests while an operator has stopped them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.gateway_client import GatewayClient
from tests.support.running import Running, until

pytestmark = pytest.mark.stack


@pytest.fixture
def operator(stack: Running) -> Iterator[GatewayClient]:
    """Over HTTP, with the operator's key; the releasers go on behind it."""
    client = GatewayClient(stack.line["gateway"], stack.line["admin_key"])
    yield client
    assert client.post("/v1/admin/scheduler/start").status == 200


def test_nothing_that_waits_goes_while_it_is_stopped(stack: Running, operator: GatewayClient) -> None:
    stopped = stack.cli("scheduler", "stop")
    assert stopped["enabled"] is False
    assert [one["enabled"] for one in stopped["releasers"]] == [False]
    [number] = stack.german(1)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    later = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Hi", "send_at": soon}).id
    until(lambda: operator.get("/v1/admin/scheduler").body["due"] >= 1, 20)
    assert stack.api.message(later)["status"] == "scheduled"
    [number] = stack.german(1)
    now = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Hi"}).id  # what waits for nothing goes
    until(lambda: stack.api.message(now)["status"] == "delivered", 30)
    assert stack.api.message(later)["status"] == "scheduled"

    started = stack.cli("scheduler", "start")
    assert started["enabled"] is True and started["releasers"][0]["name"]
    until(lambda: stack.api.message(later)["status"] == "delivered", 30)
    seen = stack.cli("scheduler", "status")
    assert seen["releasers"][0]["last_claim"] is not None


def test_it_takes_the_operators_key(stack: Running, operator: GatewayClient) -> None:
    assert stack.api.get("/v1/admin/scheduler").status == stack.api.post("/v1/admin/scheduler/stop").status == 401
    assert operator.get("/v1/admin/scheduler").body["enabled"] is not False
