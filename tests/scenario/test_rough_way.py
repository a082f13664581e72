"""The whole way against a carrier with bad manners: throttles, refusals, receipts twice, early, late, in other forms.

What must hold whatever the carrier does: counts add up at every moment, the list says what the counts say, the carrier took
each message as often as its state tells, and each has one public receipt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.ledger import adds_up, disagreements, receipt_faults, recipients, settled
from tests.support.running import Running, campaign_when, until
from tests.support.topic_reader import read_topic

pytestmark = pytest.mark.stack

MANNERS: dict[str, Any] = {
    "throttle_every": 41,
    "receipt_twice_every": 7,
    "receipt_early_every": 11,
    "receipt_late_every": 13,
    "receipt_late_seconds": 1.0,
    "receipt_unknown_every": 97,
    "states": {"UNDELIV": 17, "REJECTD": 19, "EXPIRED": 23},
}
SYSTEM_ERROR = 8
BAD_DESTINATION = 11


@pytest.fixture(autouse=True)
def good_again(stack: Running) -> Iterator[None]:
    """Whatever a test makes of the carrier ends with it."""
    yield
    stack.rough.behave()


def test_two_thousand_messages_each_end_once(stack: Running) -> None:
    numbers = stack.british(2000)
    stack.rough.behave(**MANNERS, error_every=200, error_status=SYSTEM_ERROR, error_suffixes={"77": BAD_DESTINATION})
    sampled: list[dict[str, int]] = []
    campaign = stack.api.post(
        "/v1/campaigns",
        {"name": "Rough", "from": "Shop", "body": "Dear {{name}}", "recipients": recipients(numbers, name="Ada")},
    ).id

    def sample(seen: dict[str, Any]) -> bool:
        sampled.append(seen["counts"])
        return settled(seen["counts"])

    last = campaign_when(stack.api, campaign, sample, 90)

    assert [counts for counts in sampled if not adds_up(counts) or counts["accepted"] != 2000] == []
    assert last["status"] == "completed_with_failures"
    assert last["counts"]["failed"] == sum(number.endswith("77") for number in numbers)
    assert last["counts"]["undelivered"] > 100
    rows = stack.api.messages(campaign)
    assert disagreements(last["counts"], rows, numbers, stack.rough.entries()) == []
    until(lambda: not receipt_faults(read_topic(stack.line["kafka"], "delivery-receipts"), rows), 30, "one receipt each")


@pytest.mark.parametrize("form", ["hex", "hex-dec", "dec-hex"])
def test_receipts_find_their_message_in_every_form_of_id(stack: Running, form: str) -> None:
    numbers = stack.british(150)
    stack.rough.behave(id_form=form, receipt_twice_every=5, receipt_early_every=3)

    campaign = stack.api.post(
        "/v1/campaigns", {"name": form, "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id

    last = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 150, 30)
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.rough.entries()) == []


def test_a_message_without_a_receipt_rests_in_sent(stack: Running) -> None:
    numbers = stack.british(40)
    stack.rough.behave(receipt_never_every=1)

    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Silent", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id

    last = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["sent"] == 40, 30)
    assert last["status"] == "completed"
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.rough.entries()) == []


def test_a_lost_answer_makes_one_message_uncertain_until_its_receipt(stack: Running) -> None:
    numbers = stack.british(60)
    stack.rough.behave(lose_answer_every=20, receipt_late_every=20, receipt_late_seconds=12.0)

    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Lost", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id

    campaign_when(stack.api, campaign, lambda seen: seen["counts"]["uncertain"] == 3, 30)
    last = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 60, 30)
    assert disagreements(last["counts"], stack.api.messages(campaign), numbers, stack.rough.entries()) == []


def test_the_ledger_adds_up_afterwards(stack: Running) -> None:
    assert stack.verify()["violations"] == []
