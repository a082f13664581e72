"""16. Once more: of a campaign what failed, expired or was never sent goes again; what was delivered never does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.ledger import adds_up, recipients, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def test_what_failed_goes_again_and_nothing_else(stack: Running) -> None:
    good = stack.german(5)
    # Endings 666: the carrier refuses them for good.
    [known] = stack.german(1)
    bad = [f"{known[:-4]}{n}666" for n in range(3)]
    api = stack.api
    campaign = api.post(
        "/v1/campaigns", {"name": "Again", "from": "Shop", "body": "Hi", "recipients": recipients([*good, *bad])}
    ).id

    def ended(seen: dict[str, Any]) -> bool:
        counts = seen["counts"]
        return seen["status"] == "completed_with_failures" and (counts["delivered"], counts["failed"]) == (5, 3)

    campaign_when(api, campaign, ended, 30)

    for _ in range(2):
        answer = api.post(f"/v1/campaigns/{campaign}/retry", {"scope": "failed"})
        assert (answer.status, answer.body["status"]) == (202, "running")
    until(lambda: set(takings_of_all(stack, bad).values()) == {2}, 30, "second try")
    last = campaign_when(api, campaign, lambda seen: ended(seen) and seen["price"] == "0.0500", 30)
    assert adds_up(last["counts"])
    assert set(takings(stack.entries(), good).values()) == {1}

    answer = api.post(f"/v1/campaigns/{campaign}/retry", {"scope": "expired"})
    assert answer.status == 202
    campaign_when(api, campaign, ended, 30)
    assert set(takings_of_all(stack, bad).values()) == {2}


def test_what_had_no_route_goes_once_there_is_one(stack: Running) -> None:
    [number] = stack.german(1)
    tenant = stack.cli("tenant", "create", "poor", "--balance", "0")
    stack.cli("tenant", "set", "poor", "--balance-short", "reject")
    api = stack.api_of(tenant["api_key"])
    until(lambda: api.get("/v1/balance").status == 200, 30)
    stack.cli("balance", "credit", "0.0100", "--tenant", "poor")
    until(lambda: api.get("/v1/balance").body["available"] == "0.0100", 30)
    made = api.post(
        "/v1/campaigns",
        {"name": "Two", "from": "Shop", "body": "Hi", "recipients": recipients([number, *stack.german(1)])},
    )
    assert made.status == 202
    first = campaign_when(api, made.id, lambda seen: seen["counts"]["rejected"] + seen["counts"]["delivered"] == 2, 30)
    assert first["counts"]["rejected"] == 1

    stack.cli("balance", "credit", "1", "--tenant", "poor")
    assert stack.cli("campaign", "retry", made.id, "--scope", "unsent", *key_of(tenant))["status"] == "running"
    last = campaign_when(api, made.id, lambda seen: seen["counts"]["delivered"] == 2, 30)
    assert last["status"] == "completed" and adds_up(last["counts"])


def test_a_draft_and_a_canceled_campaign_have_nothing_to_repeat(stack: Running) -> None:
    body = {"name": "Not yet", "from": "Shop", "body": "Hi", "open": True, "recipients": recipients(stack.german(1))}
    campaign = stack.api.post("/v1/campaigns", body).id
    assert stack.api.post(f"/v1/campaigns/{campaign}/retry", {"scope": "failed"}).status == 409
    assert stack.api.post(f"/v1/campaigns/{campaign}/cancel").status == 202
    assert stack.api.post(f"/v1/campaigns/{campaign}/retry", {"scope": "unsent"}).status == 409
    assert stack.api.post(f"/v1/campaigns/{campaign}/retry", {"scope": "all"}).status == 422
    assert stack.api.post("/v1/campaigns/cmp_00000000000000000000000000/retry", {"scope": "failed"}).status == 404


def takings_of_all(stack: Running, numbers: list[str]) -> dict[str, int]:
    """How often the carrier saw each of these, refused ones too."""
    wanted = {number.lstrip("+"): 0 for number in numbers}
    for entry in stack.entries():
        if entry.destination in wanted:
            wanted[entry.destination] += 1
    return wanted


def key_of(tenant: dict[str, str]) -> tuple[str, str]:
    return "--api-key", tenant["api_key"]
