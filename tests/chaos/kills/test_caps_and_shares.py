"""Caps and fair shares while those who count them are killed: a cap is met exactly, and nobody loses a share for good.

In: tenants behind one slow carrier, one of them with a cap of messages; streams, releaser and dispatch killed in the middle.
Out: what the carrier took of each, by its own log.
"""

from __future__ import annotations

import pytest

from tests.support.chaos_scenario import passed, start_campaign
from tests.support.gateway_client import GatewayClient
from tests.support.ledger import adds_up, settled, takings
from tests.support.processes import kill
from tests.support.running import Running, campaign_when, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

CAP = 1500
LARGE, SMALL = 8000, 500
KILLED = ("streams-bulk", "releaser", "dispatch-bulk")


def tenant(stack: Running, name: str) -> GatewayClient:
    """The API of a tenant of its own."""
    return stack.api_of(stack.cli("tenant", "create", name, "--balance", "1000")["api_key"])


def kill_again(stack: Running, name: str) -> None:
    """As soon as it works."""
    until(lambda: stack.role(name)["state"] == "running", 40, name)
    kill(stack.role_process(name))


def test_a_cap_is_met_exactly_whoever_is_killed(victim: Running) -> None:
    api, numbers = tenant(victim, "capped"), victim.german(2 * CAP)
    victim.cli("tenant", "set", "capped", "--messages-per-day", str(CAP), "--cap-reached", "reject")

    campaign = start_campaign(victim, numbers, api)
    kill_again(victim, "streams-bulk")
    for name in KILLED:
        kill_again(victim, name)

    last = campaign_when(api, campaign, lambda seen: settled(seen["counts"], but=("uncertain",)), 90)
    assert adds_up(last["counts"]) and last["counts"]["rejected"] == CAP, last["counts"]
    assert max(takings(victim.entries(), numbers).values()) == 1
    assert passed(victim, numbers) + last["counts"]["uncertain"] >= CAP >= passed(victim, numbers)
    assert victim.verify(60)["violations"] == []


def test_a_small_tenant_has_its_share_from_whoever_takes_over(victim: Running) -> None:
    large, small = victim.german(LARGE), victim.german(SMALL)
    start_campaign(victim, large, tenant(victim, "large"))
    until(lambda: passed(victim, large) > 0, 60, "the large one to go")
    api = tenant(victim, "small")
    campaign = start_campaign(victim, small, api)
    for name in KILLED:
        kill_again(victim, name)
    last = campaign_when(api, campaign, lambda seen: settled(seen["counts"], but=("uncertain",)), 90)
    assert adds_up(last["counts"])
    assert passed(victim, large) < LARGE * 3 // 4, "by turns, it ends long before the large one, which came first"
    until(lambda: passed(victim, large) + 100 > LARGE, 90, "the end of the large one")
    assert victim.verify(60)["violations"] == []
