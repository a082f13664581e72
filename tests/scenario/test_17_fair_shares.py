"""17. Tenants share a carrier: a small one is not behind a large one, and a weight is a share; by the carrier's own log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.gateway_client import GatewayClient
from tests.support.ledger import recipients
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def test_a_small_campaign_does_not_stand_behind_a_large_one(slow_carrier: Running) -> None:
    stack = slow_carrier
    large, small = tenant(stack, "large"), tenant(stack, "small")
    many, few = stack.british(1000), stack.british(20)
    first = start(large, many)
    until(lambda: len(order(stack, many, few)) >= 20, 30, "the large one under way")
    second = start(small, few)
    until(lambda: sum(order(stack, many, few)) == 20, 30, "the small one at the carrier")
    turns = order(stack, many, few)
    begun = turns.index(True)
    assert len(turns[begun : last(turns) + 1]) <= 50  # by turns, and what a second of a busy machine adds
    assert large.post(f"/v1/campaigns/{first}/cancel").status == 202
    campaign_when(small, second, lambda seen: seen["counts"]["delivered"] == 20, 30)
    campaign_when(large, first, lambda seen: seen["status"] == "canceled" and not seen["counts"]["held"], 30)


def test_a_weight_is_a_share(slow_carrier: Running) -> None:
    stack = slow_carrier
    heavy, light = tenant(stack, "heavy"), tenant(stack, "light")
    assert stack.cli("tenant", "set", "heavy", "--weight", "3")["weight"] == 3
    much, little = stack.british(300), stack.british(300)
    campaigns = {heavy: start(heavy, much), light: start(light, little)}
    until(lambda: 0 < sum(order(stack, much, little)) < len(order(stack, much, little)), 30, "both at the carrier")
    begun = len(order(stack, much, little)) + 20  # what was there before both waited
    until(lambda: len(order(stack, much, little)) >= begun + 60, 30, "both under way")
    light_ones = sum(order(stack, much, little)[begun : begun + 60])
    assert 10 <= light_ones <= 20
    for api, campaign in campaigns.items():
        api.post(f"/v1/campaigns/{campaign}/cancel")
        campaign_when(api, campaign, lambda seen: seen["status"] == "canceled" and not seen["counts"]["held"], 30)


def tenant(stack: Running, name: str) -> GatewayClient:
    """A new tenant, once the gateway knows its key."""
    api = stack.api_of(stack.cli("tenant", "create", name, "--balance", "100")["api_key"])
    until(lambda: api.get("/v1/balance").status == 200, 30)
    return api


def start(api: GatewayClient, numbers: Sequence[str]) -> str:
    """A campaign to them, under way."""
    made = api.post("/v1/campaigns", {"name": "Share", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)})
    assert made.status == 202, made.body
    return str(made.id)


def order(stack: Running, first: Sequence[str], second: Sequence[str]) -> list[bool]:
    """Whose turn it was, as the carrier took messages: False the first, True the second."""
    ours, theirs = ({number.removeprefix("+") for number in numbers} for numbers in (first, second))
    taken = [entry.destination for entry in stack.rough.seen.entries() if entry.status == 0]
    return [to in theirs for to in taken if to in ours or to in theirs]


def last(turns: Sequence[bool]) -> int:
    """Where the second had its last one."""
    return max(n for n, turn in enumerate(turns) if turn)
