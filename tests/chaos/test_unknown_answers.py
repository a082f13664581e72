"""A carrier's code that no table lists: its messages fail, and an operator finds what was sent among the dead letters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.records.wire import Envelope
from tests.support.ledger import recipients
from tests.support.running import Running, campaign_when, running_stack, until
from tests.support.topic_reader import TopicRecord, read_topic

pytestmark = [pytest.mark.stack, pytest.mark.slow]

NOWHERE_LISTED = 0x400


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Running]:
    """Others hold it against the stack that they share when something becomes a dead letter there."""
    with running_stack() as running:
        yield running


def test_what_an_unknown_code_ends_is_among_the_dead_letters(own_stack: Running) -> None:
    numbers = own_stack.british(40)
    own_stack.rough.behave(error_suffixes={"7": NOWHERE_LISTED})
    failing = sum(number.endswith("7") for number in numbers)

    campaign = own_stack.api.post(
        "/v1/campaigns",
        {"name": "Odd", "from": "Shop", "body": "Hi {{name}}", "recipients": recipients(numbers, name="Ada")},
    ).id

    last = campaign_when(own_stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 40 - failing, 30)
    assert last["counts"]["failed"] == failing == 4
    failed = [row for row in own_stack.api.messages(campaign) if row["status"] == "failed"]
    assert {row["reason"] for row in failed} == {"carrier_unknown_error"}
    letters = [one for one in read_topic(own_stack.line["kafka"], "dead-letter") if about(one, campaign)]
    slices = [slice_ for letter in letters for slice_ in letter.decoded(Envelope).slices]
    assert sum(slice_.count for slice_ in slices) == failing
    assert {slice_.body for slice_ in slices} == {"Hi {{name}}"}
    until(lambda: "carrier_unknown_error" in str(own_stack.cli("dlq", "stats")), 30)
    assert own_stack.verify()["violations"] == []


def about(letter: TopicRecord, campaign: str) -> bool:
    """Whether this letter speaks of this campaign, and says what is wrong as an operator needs it."""
    return (
        letter.headers["x-error-class"] == "unknown"
        and letter.headers["x-orig-topic"] == "attempts-marketing"
        and "rough answered 0x00000400" in letter.headers["x-error-message"]
        and campaign[4:] in letter.headers["x-error-message"]
    )
