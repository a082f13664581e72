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


def test_who_did_it_stands_in_the_audit(stack: Running, operator: GatewayClient) -> None:
    operator.post("/v1/admin/scheduler/stop")
    stack.cli("scheduler", "start")
    page = operator.get("/v1/admin/audit", limit=2).body
    assert [(entry["action"], entry["who"]) for entry in page["entries"]] == [
        ("scheduler.start", "command_line"),
        ("scheduler.stop", "api"),
    ]
    older = operator.get("/v1/admin/audit", limit=2, cursor=page["next"]).body["entries"]
    assert older and all(entry["at"] <= page["entries"][-1]["at"] for entry in older)
    assert stack.api.get("/v1/admin/audit").status == 401
