"""Messages of several segments through the whole way: all parts once and in order, delivered when every part is."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.support.ledger import recipients
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack


def test_every_part_goes_out_once_and_in_order(stack: Running) -> None:
    numbers = stack.german(120)
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Long", "from": "Shop", "body": "x" * 450, "recipients": recipients(numbers)}
    ).id

    campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 120 and seen["price"] == "3.6000", 30)

    parts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for entry in stack.entries():
        parts[f"+{entry.destination}"].append((entry.total, entry.sequence))
    assert {tuple(parts[number]) for number in numbers} == {((3, 1), (3, 2), (3, 3))}


def test_one_part_that_is_not_delivered_makes_the_message_undelivered(stack: Running) -> None:
    (number,) = stack.british(1)
    stack.rough.behave(states={"UNDELIV": 3})  # of three submits in a row exactly one
    try:
        identity = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "x" * 450}).id
        until(lambda: stack.api.message(identity)["status"] == "undelivered", 30)
        message = stack.api.message(identity)
        assert (message["segments"], message["reason"]) == (3, "carrier_undelivered")
    finally:
        stack.rough.behave()
