"""4. Cancel: what no carrier has been given yet is not sent.

A draft is canceled whole. Of a running campaign what has gone out stays out; the rest ends as `canceled`, and its money
is free again.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.ledger import adds_up, disagreements, recipients, settled, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def test_a_canceled_draft_sends_nothing(stack: Running) -> None:
    numbers = stack.german(50)
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Never", "from": "Shop", "body": "Hi", "open": True, "recipients": recipients(numbers)}
    ).id

    for _ in range(2):
        answer = stack.api.post(f"/v1/campaigns/{campaign}/cancel")
        assert (answer.status, answer.body["status"]) == (202, "canceled")

    until(lambda: stack.api.campaign(campaign)["counts"]["canceled"] == 50, 30)
    assert stack.api.post(f"/v1/campaigns/{campaign}/start").status == 409
    assert set(takings(stack.entries(), numbers).values()) == {0}


def test_a_running_campaign_stops_where_it_is(slow_carrier: Running) -> None:
    stack = slow_carrier
    numbers = stack.british(400)
    tenant = stack.cli("tenant", "create", "stops-here", "--balance", "100")
    api = stack.api_of(tenant["api_key"])
    until(lambda: api.get("/v1/balance").status == 200, 30)
    until(lambda: stack.cli("carrier", "show", "rough")["rate"] == 20, 30)
    campaign = api.post(
        "/v1/campaigns", {"name": "Halt", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id
    until(lambda: api.campaign(campaign)["counts"]["delivered"] > 5, 30)

    assert api.post(f"/v1/campaigns/{campaign}/cancel").status == 202

    last = campaign_when(api, campaign, lambda seen: settled(seen["counts"]), 30)
    counts = last["counts"]
    assert last["status"] == "canceled" and adds_up(counts)
    assert 5 < counts["delivered"] < 400 and counts["canceled"] == 400 - counts["delivered"]
    assert disagreements(counts, api.messages(campaign), numbers, stack.rough.entries()) == []

    until(lambda: api.get("/v1/balance").body["reserved"] == "0.0000", 30, "refund")
    assert Decimal(api.get("/v1/balance").body["balance"]) == Decimal(100) - counts["delivered"] * Decimal("0.03")


def test_a_completed_campaign_cannot_be_canceled(stack: Running) -> None:
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Done", "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(1))}
    ).id
    until(lambda: stack.api.campaign(campaign)["status"] == "completed", 30)

    assert stack.api.post(f"/v1/campaigns/{campaign}/cancel").status == 409
