"""A carrier that lets one connection in: codes and a campaign at once through it, its processes killed -9, and `binds`
changed while the campaign runs.

The carrier refuses a second connection of the account, and counts those that are bound; its own log is the judge: codes in
front, everything exactly once, never two connections.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.chaos_scenario import start_campaign
from tests.support.ledger import adds_up, settled, takings, twice
from tests.support.processes import kill
from tests.support.running import Running, campaign_when, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RATE = 150
TURN_SECONDS = 45.0
CODE_SECONDS = 1.0


def set_binds(stack: Running, binds: int) -> None:
    """The contract changes: so many connections of ours are let in from now on."""
    if binds > 1:
        stack.rough.behave(most_binds=binds)
    stack.cli("carrier", "set", "rough", "--binds", str(binds))


def wait_until_carried(stack: Running, *, one_process: bool) -> None:
    """Return when marketing has changed hands."""
    until(lambda: stack.cli("carrier", "show", "rough")["one_process"] is one_process, TURN_SECONDS, "the other pool")


@pytest.fixture(scope="module")
def one_bind(victim: Running) -> Iterator[Running]:
    """`rough` lets one connection in and we know it."""
    victim.cli("carrier", "set", "rough", "--rate", str(RATE), "--window", "8")
    turn_to_one(victim)
    yield victim


def turn_to_one(stack: Running) -> None:
    set_binds(stack, 1)
    wait_until_carried(stack, one_process=True)
    until(lambda: stack.rough.bound == 1, 30, "one connection")
    stack.rough.behave(most_binds=1)
    stack.rough.most_bound()


def send_codes(stack: Running, count: int) -> list[float]:
    """Seconds from the call until the carrier has each code, sent one after the other."""
    waited = []
    for number in stack.british(count):
        begun = time.monotonic()
        stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "1234", "lane": "otp"})
        until(lambda number=number: takings(stack.rough.entries(), [number])[number] == 1, 20, number)  # type: ignore[misc]
        waited.append(time.monotonic() - begun)
    return waited


def judge(stack: Running, campaign: str, numbers: list[str], uncertain: int = 0) -> None:
    """Nothing lost, nothing twice."""
    last = campaign_when(stack.api, campaign, lambda seen: settled(seen["counts"], but=("uncertain",)), 120)
    assert adds_up(last["counts"]) and last["counts"]["uncertain"] <= uncertain, last
    entries = stack.rough.entries()
    assert twice(entries, numbers) == []
    taken = takings(entries, numbers)
    states = {row["to"]: row["status"] for row in stack.api.messages(campaign)}
    assert set(states) == set(numbers) and set(states.values()) <= {"delivered", "uncertain"}
    assert [number for number in numbers if not taken[number] and states[number] != "uncertain"] == []


def test_codes_and_a_campaign_share_the_only_connection(one_bind: Running) -> None:
    stack, numbers = one_bind, one_bind.british(1500)
    stack.rough.behave(most_binds=1, answer_delay_seconds=0.03)
    before, refused = stack.rough.seen.count(), stack.rough.binds_refused
    campaign = start_campaign(stack, numbers)
    until(lambda: stack.rough.seen.count() - before > 150, 60, "the campaign under way")
    waited = send_codes(stack, 20)
    assert stack.rough.seen.count() - before < 1400, "the campaign was over before the codes"
    assert sorted(waited)[len(waited) // 2] < CODE_SECONDS / 2 and max(waited) < 2 * CODE_SECONDS, waited
    judge(stack, campaign, numbers)
    assert (stack.rough.most_bound(), stack.rough.binds_refused) == (1, refused)
    health = stack.cli("carrier", "show", "rough")["health"]
    assert {lane: one["state"] for lane, one in health.items()} == dict.fromkeys(
        ("otp", "transactional", "marketing"), "closed"
    )


@pytest.mark.parametrize("killed", ["dispatch-otp", "dispatch-bulk", "streams-bulk", "releaser"])
def test_nothing_is_lost_when_a_process_is_killed(one_bind: Running, killed: str) -> None:
    stack, numbers = one_bind, one_bind.british(1200)
    stack.rough.behave(most_binds=1)
    before, refused = stack.rough.seen.count(), stack.rough.binds_refused
    campaign = start_campaign(stack, numbers)
    until(lambda: stack.rough.seen.count() - before > 200, 60, "the campaign under way")
    kill(stack.role_process(killed))
    judge(stack, campaign, numbers, uncertain=16)
    assert (stack.rough.most_bound(), stack.rough.binds_refused) == (1, refused), "nobody tried a second connection"


def test_binds_change_while_a_campaign_runs(one_bind: Running) -> None:
    stack, numbers = one_bind, one_bind.british(6000)
    stack.rough.behave(most_binds=1)
    before = stack.rough.seen.count()
    campaign = start_campaign(stack, numbers)
    until(lambda: stack.rough.seen.count() - before > 150, 60, "the campaign under way")

    set_binds(stack, 2)
    wait_until_carried(stack, one_process=False)
    until(lambda: stack.rough.bound == 2, 30, "the connection of the other pool")
    gone = stack.rough.seen.count()
    until(lambda: stack.rough.seen.count() - gone > 300, 60, "the campaign over the other connection")

    turn_to_one(stack)
    gone = stack.rough.seen.count()
    until(lambda: stack.rough.seen.count() - gone > 300, 60, "the campaign over one connection again")
    assert stack.api.campaign(campaign)["counts"]["delivered"] < len(numbers), "the campaign was over before"
    assert max(send_codes(stack, 3)) < 2 * CODE_SECONDS

    set_binds(stack, 2)
    kill(stack.role_process("dispatch-otp"))  # which gives marketing up, and has to begin anew
    wait_until_carried(stack, one_process=False)
    set_binds(stack, 1)
    kill(stack.role_process("dispatch-bulk"))
    wait_until_carried(stack, one_process=True)
    stack.rough.behave(most_binds=1)
    judge(stack, campaign, numbers, uncertain=32)


def test_the_ledger_adds_up_after_all_of_them(one_bind: Running) -> None:
    assert one_bind.verify(60)["violations"] == []
    assert one_bind.cli("dlq", "list") == []
