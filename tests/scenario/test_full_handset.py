"""The whole way past numbers that a carrier refuses each time: everybody else gets theirs at once, these when there is room.

What must hold: codes and a campaign pass at their pace; what waits says why, comes again by itself, counts no attempt, and
ends as expired if its validity does; the ledger adds up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from schemas.records.wire import DeliveryReceipt
from tests.support.ledger import recipients, takings
from tests.support.running import Running, campaign_when, until
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

FULL = 0x14


@pytest.fixture(autouse=True)
def good_again(stack: Running) -> Iterator[None]:
    """Whatever a test makes of the carrier ends with it."""
    yield
    stack.rough.behave()


def test_full_handsets_cost_nobody_else_anything(stack: Running) -> None:
    numbers, codes = stack.british(300), stack.british(41)
    full = [numbers[0], numbers[1], numbers[150], codes[0], codes[20]]
    api, body = stack.api, "Hello"
    stack.rough.behave(error_suffixes={number[1:]: FULL for number in full})

    began = time.monotonic()
    campaign = api.post(
        "/v1/campaigns", {"name": "Full", "from": "Shop", "body": body, "recipients": recipients(numbers)}
    ).id
    singles = {
        to: api.post(
            "/v1/messages",
            {
                "to": to,
                "from": "Shop",
                "body": "Code 1",
                "lane": "otp",
                **({"validity_seconds": 8} if to == codes[20] else {}),
            },
        ).id
        for to in codes
    }

    def passed() -> bool:
        return sum(takings(stack.rough.entries(), {*numbers, *codes}).values()) == 341 - len(full)

    until(passed, 10, "everybody else")
    assert time.monotonic() - began < 10
    waiting = campaign_when(api, campaign, lambda seen: seen["counts"]["held"] == 3, 10)
    assert waiting["counts"]["delivered"] + waiting["counts"]["sent"] == 297
    assert {row["reason"] for row in api.messages(campaign, "held")} == {"throttled"}
    until(lambda: api.message(singles[codes[20]])["status"] == "expired", 20, "the end of a short validity")

    stack.rough.behave()
    campaign_when(api, campaign, lambda seen: seen["counts"]["delivered"] == 300, 30)
    until(lambda: api.message(singles[codes[0]])["status"] == "delivered", 30)
    taken = takings(stack.rough.entries(), {*numbers, *codes})
    assert {to: times for to, times in taken.items() if times != 1} == {codes[20]: 0}
    late = {row["id"] for row in api.messages(campaign) if row["to"] in full} | {singles[codes[0]]}

    def announced() -> list[DeliveryReceipt]:
        return [
            one for one in records_of(stack.line["kafka"], "delivery-receipts", DeliveryReceipt) if one.message_id in late
        ]

    until(lambda: len(announced()) == 4, 20)
    assert {(one.status, one.attempt) for one in announced()} == {("delivered", 1)}
    assert stack.verify()["violations"] == []
