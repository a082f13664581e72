"""15. Stop everything: an emergency stop keeps what a tenant, a sender, a carrier or anybody sends, until it is lifted.

It is in force within two seconds, whatever was let go before; nothing of what it kept is lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.gateway_client import GatewayClient
from tests.support.ledger import adds_up, disagreements, recipients, settled, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


@pytest.fixture
def operator(stack: Running) -> Iterator[GatewayClient]:
    """Over HTTP, with the operator's key; whatever a test stopped goes on behind it."""
    client = GatewayClient(stack.line["gateway"], stack.line["admin_key"])
    yield client
    for stop in client.get("/v1/admin/stops").body["stops"]:
        client.call("DELETE", "/v1/admin/stops", _json(stop), {"Content-Type": "application/json"})


def _json(stop: dict[str, str]) -> bytes:
    return f'{{"kind": "{stop["kind"]}", "name": "{stop["name"]}"}}'.encode()


def test_a_stopped_sender_waits_and_goes_on_and_others_go_meanwhile(stack: Running, operator: GatewayClient) -> None:
    assert stack.cli("panic", "--sender", "Halted", "--yes")[0]["name"] == "Halted"
    until(lambda: "sender Halted" in stack.api.get("/readyz").body["stops"], 10)
    assert "sender Halted" in stack.run("ps").stderr
    numbers, others = stack.german(20), stack.german(5)
    body = {"name": "Stopped", "body": "Hi", "recipients": recipients(numbers)}
    campaign = stack.api.post("/v1/campaigns", {**body, "from": "Halted"}).id
    other = stack.api.post("/v1/campaigns", {**body, "from": "Shop", "recipients": recipients(others)}).id

    campaign_when(stack.api, other, lambda seen: seen["counts"]["delivered"] == 5, 30)
    seen = campaign_when(stack.api, campaign, lambda seen: (seen["waiting"] or {}).get("count") == 20, 30)
    assert seen["waiting"]["reason"] == "stopped" and adds_up(seen["counts"])
    assert set(takings(stack.entries(), numbers).values()) == {0}

    assert stack.cli("panic", "--sender", "Halted", "--lift") == []
    last = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 20, 30)
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.entries()) == []


def test_a_carrier_is_stopped_within_two_seconds_with_a_backlog(slow_carrier: Running, operator: GatewayClient) -> None:
    stack = slow_carrier
    numbers = stack.british(120)
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Backlog", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id
    until(lambda: stack.api.campaign(campaign)["counts"]["delivered"] > 5, 30)

    answer = operator.post("/v1/admin/stops", {"kind": "carrier", "name": "rough"})
    stopped_at = time.time()
    assert answer.status == 200 and [stop["name"] for stop in answer.body["stops"]] == ["rough"]
    seen = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["held"] + seen["counts"]["delivered"] == 120, 30)
    wanted = {number.lstrip("+") for number in numbers}
    times = [entry.time for entry in stack.rough.entries() if entry.destination in wanted and entry.status == 0]
    assert len(times) == seen["counts"]["delivered"] < 120 and max(times) < stopped_at + 2

    operator.call("DELETE", "/v1/admin/stops", b'{"kind": "carrier", "name": "rough"}', {"Content-Type": "application/json"})
    last = campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"]), 60)
    assert last["counts"]["delivered"] == 120
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.rough.entries()) == []


def test_only_the_operator_stops_anything(stack: Running, operator: GatewayClient) -> None:
    assert stack.api.post("/v1/admin/stops", {"kind": "all"}).status == 401
    assert GatewayClient(stack.line["gateway"], None).get("/v1/admin/stops").status == 401
    assert operator.get("/v1/admin/stops").body == {"stops": []}


def test_what_cannot_be_stopped_is_refused(stack: Running, operator: GatewayClient) -> None:
    for body, status in (
        ({"kind": "carrier", "name": "nobody"}, 404),
        ({"kind": "tenant", "name": "nobody"}, 404),
        ({"kind": "all", "name": "x"}, 422),
        ({"kind": "sender"}, 422),
        ({"kind": "sender", "name": "a much longer name"}, 422),
        ({"kind": "galaxy", "name": "x"}, 422),
    ):
        assert operator.post("/v1/admin/stops", body).status == status, body
    stack.cli("panic", "--all", "--lift", code=1, output=None)
    stack.cli("panic", "--all", "--sender", "x", "--yes", code=1, output=None)
