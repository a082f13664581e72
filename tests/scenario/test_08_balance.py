"""8. Money: a tenant spends what it has; what it cannot pay waits, and goes on after a credit.

Amounts are decimal strings with four places. `reserved` is what is on its way; it is charged when a carrier takes the
message, and given back otherwise.
"""

from __future__ import annotations

import pytest

from tests.support.gateway_client import GatewayClient
from tests.support.ledger import recipients, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def tenant(stack: Running, name: str, balance: str) -> GatewayClient:
    return stack.api_of(stack.cli("tenant", "create", name, "--balance", balance)["api_key"])


def test_a_campaign_waits_for_money_and_goes_on_after_a_credit(stack: Running) -> None:
    api = tenant(stack, "little-money", "0.0500")
    numbers = stack.german(12)
    campaign = api.post(
        "/v1/campaigns", {"name": "Poor", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id

    seen = campaign_when(api, campaign, lambda c: (c["counts"]["delivered"], c["counts"]["held"]) == (5, 7), 30)
    assert (seen["status"], seen["waiting"]["reason"]) == ("running", "balance")
    assert {row["reason"] for row in api.messages(campaign, status="held")} == {"balance"}
    until(
        lambda: (
            api.get("/v1/balance").body
            == {"balance": "0.0000", "reserved": "0.0000", "available": "0.0000", "currency": "EUR"}
        ),
        30,
    )

    stack.cli("balance", "credit", "1.0000", "--tenant", "little-money")

    until(lambda: api.campaign(campaign)["status"] == "completed", 30)
    until(
        lambda: (
            api.get("/v1/balance").body
            == {"balance": "0.9300", "reserved": "0.0000", "available": "0.9300", "currency": "EUR"}
        ),
        30,
    )
    assert set(takings(stack.entries(), numbers).values()) == {1}
    assert stack.cli("balance", "show", "--tenant", "little-money")["balance"] == "0.9300"


def test_without_any_money_nothing_is_accepted(stack: Running) -> None:
    api = tenant(stack, "no-money", "0")

    single = api.post("/v1/messages", {"to": stack.german(1)[0], "from": "Sluice", "body": "Hi"})
    many = api.post(
        "/v1/campaigns", {"name": "Poor", "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(3))}
    )

    assert [(answer.status, answer.body["code"]) for answer in (single, many)] == [(402, "insufficient_balance")] * 2


def test_what_fails_is_not_paid(stack: Running) -> None:
    api = tenant(stack, "fails", "1.0000")
    identity = api.post("/v1/messages", {"to": "+4915166666666", "from": "Sluice", "body": "Hi"}).id

    until(lambda: api.message(identity)["status"] == "failed", 30)

    until(lambda: api.get("/v1/balance").body["available"] == "1.0000", 30)
    assert api.get("/v1/balance").body["reserved"] == "0.0000"


def test_a_tenant_that_does_not_wait_is_told(stack: Running) -> None:
    api = tenant(stack, "impatient", "0.0200")
    stack.cli("tenant", "set", "impatient", "--balance-short", "reject")
    until(lambda: api.get("/v1/balance").status == 200, 30)
    # The setting is in force once every role has seen it; a campaign made too early would wait instead.
    reasons = until(lambda: reasons_of_rejection(stack, api), 30, "rejection")
    assert reasons == {"insufficient_balance"}


def reasons_of_rejection(stack: Running, api: GatewayClient) -> set[str]:
    stack.cli("balance", "credit", "0.0200", "--tenant", "impatient")
    campaign = api.post(
        "/v1/campaigns", {"name": "Now", "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(8))}
    ).id
    seen = campaign_when(api, campaign, lambda c: c["counts"]["held"] + c["counts"]["rejected"] > 0, 30)
    if not seen["counts"]["rejected"]:
        return set()
    return {row["reason"] for row in api.messages(campaign, status="rejected")}


def single_ends(stack: Running, api: GatewayClient) -> tuple[str, str | None]:
    """What becomes of a message of its own, with its reason."""
    identity = api.post("/v1/messages", {"to": stack.german(1)[0], "from": "Sluice", "body": "Hi", "lane": "otp"}).id
    until(lambda: api.message(identity)["status"] in ("held", "rejected", "delivered"), 30)
    last = api.message(identity)
    return last["status"], last["reason"]


def test_what_is_above_a_cap_waits_for_the_next_day_and_goes_when_the_cap_is_raised(stack: Running) -> None:
    api = tenant(stack, "capped", "1.0000")
    stack.cli("tenant", "set", "capped", "--messages-per-day", "0", "--spend-per-month", "0.5000")
    until(lambda: single_ends(stack, api) == ("held", "cap"), 60, "the cap in force")
    numbers = stack.german(12)
    campaign = api.post(
        "/v1/campaigns", {"name": "Much", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id
    stack.cli("tenant", "set", "capped", "--messages-per-day", "5")

    # The message that waited before goes as well, sooner or later than the campaign's.
    seen = campaign_when(api, campaign, lambda c: c["counts"]["delivered"] in (4, 5) and c["counts"]["held"] in (7, 8), 60)
    used = until(lambda: (row := stack.cli("tenant", "set", "capped"))["used"] and row, 30)
    assert used["caps"] == {"messages_per_day": 5, "spend_per_month": "0.5000"}
    assert [(of["messages"], of["spent"]) for of in used["used"].values()] == [(5, "0.0500")] * 2
    assert (seen["status"], seen["waiting"]["reason"], seen["waiting"]["until"][10:]) == ("running", "cap", "T00:00:00.000Z")

    stack.cli("tenant", "set", "capped", "--messages-per-day", "none")

    until(lambda: api.campaign(campaign)["status"] == "completed", 60)
    assert set(takings(stack.entries(), numbers).values()) == {1}


def test_a_tenant_that_does_not_wait_for_its_cap_is_told(stack: Running) -> None:
    api = tenant(stack, "hasty", "1.0000")
    stack.cli("tenant", "set", "hasty", "--messages-per-month", "0", "--cap-reached", "reject")

    until(lambda: single_ends(stack, api) == ("rejected", "cap_reached"), 60, "the cap in force")
    assert single_ends(stack, api) == ("rejected", "cap_reached")
