"""14. When: a message has a time, a campaign a beginning and hours of the day, a tenant quiet hours; a campaign can rest.

Nothing goes before its time. What waits says for what, and until when. A campaign that is paused keeps what no carrier has
been given yet, and goes on where it was.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator.log import Entry
from tests.support.gateway_client import GatewayClient
from tests.support.ledger import adds_up, disagreements, recipients, settled, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def ahead(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def closed_now() -> dict[str, object]:
    """Hours in UTC that open in two to three hours from now."""
    now = datetime.now(UTC)
    return {"from": f"{(now.hour + 3) % 24:02}:00", "to": f"{(now.hour + 4) % 24:02}:00", "timezone": "UTC"}


def entries_of(stack: Running, numbers: list[str]) -> list[Entry]:
    wanted = {number.lstrip("+") for number in numbers}
    return [entry for entry in stack.entries() if entry.destination in wanted]


def _is_kept(stack: Running, api: GatewayClient) -> bool:
    """Whether every role knows the quiet hours by now, as a message of marketing shows."""
    [number] = stack.german(1)
    probe = api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Hi", "lane": "marketing"}).id
    until(lambda: api.message(probe)["status"] in ("held", "delivered"), 30)
    return bool(api.message(probe)["reason"] == "closed_hours")


def test_a_message_waits_for_its_time(stack: Running) -> None:
    [number] = stack.german(1)
    due = time.time() + 4
    sent = stack.api.post(
        "/v1/messages",
        {"to": number, "from": "Shop", "body": "Later", "send_at": datetime.fromtimestamp(due, UTC).isoformat()},
    )
    assert sent.status == 202

    until(lambda: stack.api.message(sent.id)["status"] == "scheduled", 30)
    waiting = stack.api.message(sent.id)
    assert waiting["reason"] == "scheduled" and waiting["send_at"] is not None
    until(lambda: stack.api.message(sent.id)["status"] == "delivered", 30)

    [entry] = entries_of(stack, [number])
    assert due <= entry.time < due + 3


def test_a_campaign_begins_at_its_time_and_can_be_moved(stack: Running) -> None:
    numbers = stack.german(20)
    made = stack.api.post(
        "/v1/campaigns",
        {
            "name": "Tomorrow",
            "from": "Shop",
            "body": "Hi",
            "recipients": recipients(numbers),
            "schedule": {"start_at": ahead(86_400)},
            "validity_seconds": 3600,
        },
    )
    assert (made.status, made.body["status"]) == (202, "scheduled")

    seen = campaign_when(stack.api, made.id, lambda seen: seen["counts"]["scheduled"] == 20 and seen["waiting"], 30)
    assert seen["status"] == "scheduled" and adds_up(seen["counts"])
    assert seen["waiting"]["reason"] == "scheduled" and seen["waiting"]["count"] == 20
    assert seen["waiting"]["until"] == seen["schedule"]["start_at"]

    due = time.time() + 3
    moved = stack.api.patch(f"/v1/campaigns/{made.id}", {"start_at": datetime.fromtimestamp(due, UTC).isoformat()})
    assert (moved.status, moved.body["status"]) == (202, "scheduled")
    campaign_when(stack.api, made.id, lambda seen: seen["counts"]["delivered"] == 20, 30)
    times = [entry.time for entry in entries_of(stack, numbers)]
    assert len(times) == 20 and due <= min(times) and max(times) < due + 4

    late = stack.api.patch(f"/v1/campaigns/{made.id}", {"start_at": ahead(60)})
    assert late.status == 409


def test_what_is_uploaded_to_a_campaign_that_begins_later_waits_for_its_time(stack: Running) -> None:
    [number] = stack.german(1)
    body = {"name": "Later", "from": "Shop", "body": "Hi", "open": True, "schedule": {"start_at": ahead(86_400)}}
    campaign = stack.api.post("/v1/campaigns", body).id
    assert stack.api.upload(campaign, f'{{"to": "{number}"}}\n'.encode(), part=0).status == 202
    draft = campaign_when(stack.api, campaign, lambda seen: seen["waiting"] is not None, 30)
    assert (draft["status"], draft["waiting"]["reason"], draft["waiting"]["until"]) == ("draft", "draft", None)

    stack.api.post(f"/v1/campaigns/{campaign}/start")
    seen = stack.api.campaign(campaign)
    assert (seen["status"], seen["waiting"]["count"]) == ("scheduled", 1)
    assert (seen["waiting"]["reason"], seen["waiting"]["until"]) == ("scheduled", seen["schedule"]["start_at"])
    stack.api.patch(f"/v1/campaigns/{campaign}", {"start_at": None})
    campaign_when(stack.api, campaign, lambda seen: seen["status"] == "completed", 30)


def test_a_campaign_keeps_to_its_hours_until_they_are_changed(stack: Running) -> None:
    numbers = stack.german(10)
    campaign = stack.api.post(
        "/v1/campaigns",
        {
            "name": "By day",
            "from": "Shop",
            "body": "Hi",
            "recipients": recipients(numbers),
            "schedule": {"window": closed_now()},
        },
    ).id
    seen = campaign_when(stack.api, campaign, lambda seen: seen["waiting"] and seen["counts"]["held"] == 10, 30)
    assert (seen["waiting"]["reason"], seen["waiting"]["count"]) == ("closed_hours", 10)
    opens = datetime.fromisoformat(seen["waiting"]["until"]) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=59) < opens <= timedelta(hours=3)
    assert set(takings(stack.entries(), numbers).values()) == {0}

    assert stack.api.patch(f"/v1/campaigns/{campaign}", {"window": None}).status == 202
    last = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 10, 30)
    assert last["schedule"] is None
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.entries()) == []


def test_quiet_hours_keep_marketing_and_let_codes_through(stack: Running) -> None:
    tenant = stack.cli("tenant", "create", "sleeps", "--balance", "100")
    stack.cli("tenant", "set", "sleeps", "--quiet-hours", "marketing 00:00-00:00 UTC")
    api = stack.api_of(tenant["api_key"])
    until(lambda: api.get("/v1/balance").status == 200, 30)
    until(lambda: _is_kept(stack, api), 30, "quiet hours")
    numbers = stack.german(5)
    campaign = api.post(
        "/v1/campaigns", {"name": "Night", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id
    [number] = stack.german(1)
    code = api.post("/v1/messages", {"to": number, "from": "Shop", "body": "1234", "lane": "otp"}).id
    until(lambda: api.message(code)["status"] == "delivered", 30)
    campaign_when(api, campaign, lambda seen: seen["waiting"] and seen["waiting"]["reason"] == "closed_hours", 30)
    assert set(takings(stack.entries(), numbers).values()) == {0}
    assert api.post(f"/v1/campaigns/{campaign}/cancel").status == 202
    campaign_when(api, campaign, lambda seen: seen["counts"]["canceled"] == 5, 30)


def test_a_paused_campaign_stops_within_two_seconds_and_goes_on_where_it_was(slow_carrier: Running) -> None:
    stack = slow_carrier
    numbers = stack.british(150)
    until(lambda: stack.cli("carrier", "show", "rough")["rate"] == 20, 30)
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Break", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id
    until(lambda: stack.api.campaign(campaign)["counts"]["delivered"] > 5, 30)

    for _ in range(2):
        answer = stack.api.post(f"/v1/campaigns/{campaign}/pause")
        assert (answer.status, answer.body["status"]) == (202, "paused")
    paused_at = time.time()

    wanted = {number.lstrip("+") for number in numbers}

    def resting(seen: dict[str, Any]) -> bool:
        """Nothing is under way, and both counts of what waits have come."""
        held = seen["counts"]["held"]
        return bool(held + seen["counts"]["delivered"] == 150 and (seen["waiting"] or {}).get("count") == held)

    seen = campaign_when(stack.api, campaign, resting, 30)
    assert seen["status"] == "paused" and adds_up(seen["counts"])
    assert (seen["waiting"]["reason"], seen["waiting"]["until"]) == ("paused", None)
    times = [entry.time for entry in stack.rough.entries() if entry.destination in wanted and entry.status == 0]
    assert len(times) == seen["counts"]["delivered"] < 150 and max(times) < paused_at + 2
    assert stack.api.post(f"/v1/campaigns/{campaign}/start").status == 409

    for _ in range(2):
        answer = stack.api.post(f"/v1/campaigns/{campaign}/resume")
        assert (answer.status, answer.body["status"]) == (202, "running")
    last = campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"]), 60)
    assert last["counts"]["delivered"] == 150 and last["status"] == "completed"
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.rough.entries()) == []
    assert stack.api.post(f"/v1/campaigns/{campaign}/pause").status == 409


@pytest.mark.parametrize(
    ("schedule", "pointer", "code"),
    [
        ({"start_at": "tomorrow"}, "/schedule/start_at", "out_of_range"),
        ({"start_at": "2027-03-01T09:00:00"}, "/schedule/start_at", "out_of_range"),
        ({"start_at": "2099-01-01T00:00:00Z"}, "/schedule/start_at", "too_far_ahead"),
        ({"window": {"from": "25:00", "to": "08:00"}}, "/schedule/window/from", "out_of_range"),
        ({"window": {"from": "09:00", "to": "10:00", "days": []}}, "/schedule/window/days", "out_of_range"),
        ({"window": {"from": "09:00", "to": "10:00", "days": ["someday"]}}, "/schedule/window/days/0", "bad_value"),
        (
            {"window": {"from": "09:00", "to": "10:00", "timezone": "Mars/Phobos"}},
            "/schedule/window/timezone",
            "unknown_timezone",
        ),
        ({"window": {"from": "09:00"}}, "/schedule/window/to", "missing_field"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(
    stack: Running, schedule: dict[str, object], pointer: str, code: str
) -> None:
    body = {"name": "Odd", "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(1)), "schedule": schedule}
    answer = stack.api.post("/v1/campaigns", body)
    assert answer.status == 422
    [error] = answer.body["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
