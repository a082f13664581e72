"""A route with two carriers: the first one dies in mid-campaign, the second takes over, and dispatch is killed -9 meanwhile.

The carriers' own logs are compared number by number: nothing is lost, nothing is taken twice, by whichever carrier.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from connectors.simulator.log import Entry
from tests.support.chaos_scenario import start_campaign
from tests.support.ledger import adds_up, settled, takings, twice
from tests.support.processes import kill
from tests.support.running import Running, campaign_when, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RECIPIENTS = 3000
OTP_SECONDS = 2.0


@pytest.fixture(scope="module")
def two_carriers(victim: Running) -> Running:
    """`rough` takes numbers of +44 first, `steady` when it cannot."""
    victim.cli("route", "set", "+44", "--carrier", "rough,steady", "--price", "0.0300")
    victim.cli("carrier", "set", "rough", "--rate", "300")
    until(lambda: victim.api.post("/v1/preview", PREVIEW).body.get("price") == "0.0300", 30)
    return victim


PREVIEW = {"name": "Try", "from": "Shop", "body": "Hi", "recipients": [{"to": "+447400999999"}]}


@pytest.fixture(autouse=True)
def alive_again(two_carriers: Running) -> Iterator[None]:
    """Whatever a test did to it, the first carrier behaves behind it."""
    yield
    two_carriers.rough.behave()


def british(stack: Running, count: int) -> list[str]:
    """Numbers that neither carrier refuses."""
    return [number for number in stack.british(count) if not number.endswith(("666", "667"))]


def both(stack: Running) -> list[Entry]:
    return [*stack.rough.entries(), *stack.entries()]


def health(stack: Running, carrier: str) -> set[str]:
    """The states of its breaker, over the lanes."""
    return {one["state"] for one in stack.cli("carrier", "show", carrier)["health"].values()}


def die(stack: Running) -> None:
    """Every connection is cut, and none is let in any more."""
    before = stack.rough.cut
    stack.rough.behave(password="changed", disconnect_every_seconds=0.05)
    until(lambda: stack.rough.cut > before, 10, "its last moment")


def judge(stack: Running, campaign: str, numbers: list[str]) -> None:
    """Nothing lost, nothing twice; `sent`: the carrier died before it sent the receipt."""
    last = campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"], but=("uncertain", "sent")), 90)
    assert adds_up(last["counts"])
    entries = both(stack)
    assert twice(entries, numbers) == []
    taken = takings(entries, numbers)
    states = {row["to"]: row["status"] for row in stack.api.messages(campaign)}
    assert set(states) == set(numbers) and set(states.values()) <= {"delivered", "uncertain", "sent"}
    assert [number for number in numbers if not taken[number] and states[number] != "uncertain"] == []
    assert sum(state == "uncertain" for state in states.values()) <= 300


@pytest.mark.parametrize("killed", [None, "dispatch-bulk", "streams-bulk", "releaser"])
def test_the_next_carrier_takes_over_and_the_first_one_back(two_carriers: Running, killed: str | None) -> None:
    stack, numbers, before = two_carriers, british(two_carriers, RECIPIENTS), two_carriers.rough.seen.count()
    until(lambda: health(stack, "rough") == {"closed"}, 60, "the first carrier")
    campaign = start_campaign(stack, numbers)
    until(lambda: stack.rough.seen.count() - before > RECIPIENTS // 6, 60, "the first carrier at work")

    die(stack)
    until(lambda: takings(stack.entries(), numbers) and any(takings(stack.entries(), numbers).values()), 30, "the second")
    if killed is not None:
        kill(stack.role_process(killed))
    campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] > len(numbers) // 2, 60)
    assert "open" in health(stack, "rough")

    judge(stack, campaign, numbers)
    stack.rough.behave()
    until(lambda: health(stack, "rough") == {"closed"}, 90, "the first carrier's return")
    campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"], but=("uncertain",)), 60)
    back = british(stack, 3)[0]
    stack.api.post("/v1/messages", {"to": back, "from": "Sluice", "body": "Back"})
    until(lambda: takings(stack.rough.entries(), [back])[back] == 1, 30, "the first carrier has it again")


def test_a_one_time_code_takes_the_next_carrier_within_two_seconds(two_carriers: Running) -> None:
    stack = two_carriers
    until(lambda: health(stack, "rough") == {"closed"}, 60, "the first carrier")
    die(stack)
    dead, waited = time.monotonic(), list[float]()  # codes from the first moment on, long before anybody knows
    while time.monotonic() < dead + 5:
        number = british(stack, 3)[0]
        begun = time.monotonic()
        stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "1234", "lane": "otp"})
        until(lambda number=number: takings(stack.entries(), [number])[number] == 1, 20, number)  # type: ignore[misc]
        waited.append(time.monotonic() - begun)
    stack.rough.behave()
    assert max(waited) < OTP_SECONDS + 1 and sorted(waited)[len(waited) // 2] < 0.5, waited


@pytest.mark.parametrize("killed", [None, "releaser", "streams-bulk"])
def test_what_a_full_carrier_cannot_take_goes_to_the_next_one(two_carriers: Running, killed: str | None) -> None:
    stack, numbers = two_carriers, british(two_carriers, RECIPIENTS)
    until(lambda: health(stack, "rough") == {"closed"}, 90, "the first carrier")
    stack.cli("carrier", "set", "rough", "--rate", "20")
    campaign = start_campaign(stack, numbers)
    until(lambda: sum(takings(stack.entries(), numbers).values()) > len(numbers) // 10, 60, "the second")
    if killed is not None:
        kill(stack.role_process(killed))
    campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"], but=("uncertain", "sent")), 90)
    stack.cli("carrier", "set", "rough", "--rate", "300")
    first, second = (sum(takings(entries, numbers).values()) for entries in (stack.rough.entries(), stack.entries()))
    assert first > 0 and second > 3 * first, (first, second)
    judge(stack, campaign, numbers)


def test_the_ledger_adds_up_after_all_of_them(two_carriers: Running) -> None:
    until(lambda: health(two_carriers, "rough") == {"closed"}, 90, "the first carrier")
    assert two_carriers.verify(60)["violations"] == []
    assert two_carriers.cli("dlq", "list") == []
