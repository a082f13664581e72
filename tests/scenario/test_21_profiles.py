"""21. Profiles: what is sent under one keeps its hours, its share of a carrier, its own way of trying again.

Judged by the carriers' own logs. Another campaign of the same tenant shows that nothing but the profile does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from connectors.simulator.log import Entry
from tests.support.gateway_client import GatewayClient
from tests.support.ledger import recipients, takings
from tests.support.running import Running, campaign_when, until

pytestmark = pytest.mark.stack

BUSY = 8
"""ESME_RSYSERR: refused for the moment."""
SHARE, RATE = 0.2, 20


@pytest.fixture
def profiles(stack: Running) -> Iterator[Running]:
    yield stack
    for row in stack.cli("profile", "list"):
        stack.cli("profile", "remove", row["name"], output=None)
    stack.rough.behave()


def make(stack: Running, name: str, *options: str) -> dict[str, Any]:
    """The profile, once the gateway knows it; the other roles look as often as it does."""
    made: dict[str, Any] = stack.cli("profile", "set", name, *options)
    body = {"name": "Known?", "from": "Shop", "body": "Hi", "profile": name, "recipients": recipients(["+4915112345678"])}
    until(lambda: stack.api.post("/v1/preview", body).status == 200, 30, "the profile")
    return made


def start(api: GatewayClient, numbers: list[str], profile: str | None) -> str:
    """A campaign to them, under way."""
    body = {"name": "Profile", "from": "Shop", "body": "Hi", "recipients": recipients(numbers), "profile": profile}
    made = api.post("/v1/campaigns", body)
    assert made.status == 202, made.body
    return str(made.id)


def message(stack: Running, number: str, profile: str) -> str:
    """A message under the profile."""
    sent = stack.api.post("/v1/messages", {"to": number, "from": "Shop", "body": "Hi", "profile": profile})
    assert sent.status == 202, sent.body
    return str(sent.id)


def calls(entries: list[Entry], number: str) -> list[float]:
    """When the carrier was called for it, whatever it said."""
    return [entry.time for entry in entries if entry.destination == number.lstrip("+")]


def test_a_campaign_waits_for_the_quiet_hours_of_its_profile(profiles: Running) -> None:
    stack, quiet = profiles, make(profiles, "asleep", "--quiet-hours", "00:00-00:00 UTC")["quiet_hours"]
    assert quiet == ["00:00-00:00 UTC"]

    def is_kept() -> bool:
        [number] = stack.german(1)
        probe = message(stack, number, "asleep")
        until(lambda: stack.api.message(probe)["status"] in ("held", "delivered"), 30)
        return bool(stack.api.message(probe)["reason"] == "closed_hours")

    until(is_kept, 30, "quiet hours")
    kept, free = stack.german(20), stack.german(20)
    campaign, other = start(stack.api, kept, "asleep"), start(stack.api, free, None)
    campaign_when(stack.api, other, lambda seen: seen["counts"]["delivered"] == 20, 30)
    seen = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["held"] == 20 and seen["waiting"], 30)
    assert (seen["profile"], seen["waiting"]["reason"], seen["waiting"]["count"]) == ("asleep", "closed_hours", 20)
    assert set(takings(stack.entries(), kept).values()) == {0}
    assert stack.api.post(f"/v1/campaigns/{campaign}/cancel").status == 202
    campaign_when(stack.api, campaign, lambda seen: seen["counts"]["canceled"] == 20, 30)


def test_a_campaign_keeps_to_its_profiles_share_and_others_use_the_rest(profiles: Running, slow_carrier: Running) -> None:
    stack = slow_carrier
    make(stack, "slow", "--share", str(SHARE))
    limited, free = stack.british(200), stack.british(400)
    under, other = start(stack.api, limited, "slow"), start(stack.api, free, None)

    def taken(numbers: list[str]) -> list[float]:
        wanted = {number.lstrip("+") for number in numbers}
        return sorted(e.time for e in stack.rough.seen.entries() if e.status == 0 and e.destination in wanted)

    # What intake let pass before it knew the share, half a second of the carrier, may be on its way still: not counted.
    campaign_when(stack.api, under, lambda seen: seen["waiting"] and seen["waiting"]["reason"] == "share", 30)
    before = len(taken(limited)) + RATE // 2
    until(lambda: len(taken(limited)) >= before + 20, 60, "the one under a profile")
    ours, theirs = taken(limited)[before:], taken(free)
    windows = [sum(begin <= at < begin + 3 for at in ours) for begin in ours]
    most = SHARE * RATE * 3 + SHARE * RATE / 2  # half a second of it may come at once
    assert max(windows) <= most + 3, "what a busy machine lets together"
    beside = sum(ours[0] <= at <= ours[-1] for at in theirs)
    assert beside >= 2 * len(ours), "others use the rest, of the same tenant too"
    for campaign in (under, other):
        stack.api.post(f"/v1/campaigns/{campaign}/cancel")
    for campaign in (under, other):
        campaign_when(stack.api, campaign, lambda seen: seen["status"] == "canceled" and not seen["counts"]["held"], 30)


def test_messages_are_tried_again_as_their_profile_says(profiles: Running) -> None:
    stack = profiles
    make(stack, "twice", "--retry-attempts", "2", "--retry-ladder", "10s")
    make(stack, "never", "--retry-never", "ESME_RSYSERR")
    [twice, never, plain] = stack.british(3)
    stack.rough.behave(error_suffixes={number.lstrip("+"): BUSY for number in (twice, never, plain)})

    def is_known() -> bool:
        """Whether dispatch knows the profiles, as a message that is not tried again shows."""
        [number] = stack.british(1)
        stack.rough.behave(error_suffixes={n.lstrip("+"): BUSY for n in (twice, never, plain, number)})
        probe = message(stack, number, "never")
        until(lambda: stack.api.message(probe)["reason"] in ("not_retried", "carrier_transient"), 30)
        return bool(stack.api.message(probe)["reason"] == "not_retried")

    until(is_known, 30, "profiles")
    words = ("--from", "Shop", "--to", never, "--body", "Hi", "--profile", "never")
    ids = {twice: message(stack, twice, "twice"), never: stack.cli("send", *words)["id"]}
    ids[plain] = stack.api.post("/v1/messages", {"to": plain, "from": "Shop", "body": "Hi"}).id

    until(lambda: stack.api.message(ids[never])["status"] == "failed", 30)
    assert stack.api.message(ids[never])["reason"] == "not_retried"
    until(lambda: stack.api.message(ids[twice])["status"] == "failed", 60)
    assert stack.api.message(ids[twice])["reason"] == "attempts_exhausted"
    entries = stack.rough.seen.entries()
    [(first, second)] = pairwise(calls(entries, twice))
    assert 10 <= second - first <= 20 and len(calls(entries, never)) == 1
    assert stack.api.message(ids[plain])["status"] == "held", "without a profile there are five tries"
    stack.rough.behave()
    assert stack.api.post(f"/v1/messages/{ids[plain]}/cancel").status == 202
