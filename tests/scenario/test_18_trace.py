"""18. Trace: every hop of a message, when, at which carrier, what it said, and what the message waited for and how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.running import Running, until

pytestmark = pytest.mark.stack


def hops(trace: dict[str, Any]) -> list[str]:
    return [hop["hop"] for hop in trace["hops"]]


def test_the_way_of_a_delivered_message(stack: Running) -> None:
    [number] = stack.german(1)
    sent = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Traced text", "lane": "otp"}).id
    until(lambda: stack.api.message(sent)["status"] == "delivered", 30)

    def way() -> dict[str, Any]:
        answer = stack.api.get(f"/v1/messages/{sent}/trace")
        assert answer.status == 200
        return dict(answer.body)

    until(lambda: hops(way()) == ["accepted", "queued", "called", "answered", "delivered"], 10, "all hops")
    traced = way()
    assert traced["notes"] == [] and traced["status"] == "delivered"
    times = [hop["at"] for hop in traced["hops"]]
    assert times == sorted(times)
    assert [hop["waited_for"] for hop in traced["hops"]] == [None, "intake", "carrier", "answer", "receipt"]
    called, answered, delivered = traced["hops"][2:]
    assert called["carrier"] == answered["carrier"] == delivered["carrier"] == "steady"
    assert answered["carrier_message_id"] and delivered["code"] == "000"
    assert {hop["attempt"] for hop in traced["hops"]} == {1}
    said = str(traced)
    assert number.lstrip("+") not in said and "Traced text" not in said  # nothing personal
    assert hops(stack.cli("message", "trace", sent)) == hops(traced)


def test_what_waits_says_for_what_and_until_when(stack: Running) -> None:
    [number] = stack.german(1)
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    sent = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Later", "send_at": due}).id
    until(lambda: stack.api.message(sent)["status"] == "scheduled", 30)
    until(lambda: hops(stack.api.get(f"/v1/messages/{sent}/trace").body) == ["accepted", "scheduled", "waiting"], 10)
    waiting = stack.api.get(f"/v1/messages/{sent}/trace").body["hops"][-1]
    assert waiting["waited_for"] == "scheduled" and waiting["until"] is not None
    assert waiting["explanation"] == "Its time has not come."

    assert stack.api.post(f"/v1/messages/{sent}/cancel").status == 202
    until(lambda: hops(stack.api.get(f"/v1/messages/{sent}/trace").body)[-1] == "canceled", 10)


def test_a_foreign_message_has_no_way(stack: Running) -> None:
    [number] = stack.german(1)
    sent = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Mine"}).id
    tenant = stack.cli("tenant", "create", "traces-others", "--balance", "100")
    api = stack.api_of(tenant["api_key"])
    until(lambda: api.get("/v1/balance").status == 200, 30)
    assert api.get(f"/v1/messages/{sent}/trace").status == 404
    assert stack.api.get("/v1/messages/msg_01HZZZZZZZZZZZZZZZZZZZZZZZ/trace").status == 404
