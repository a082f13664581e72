"""Each role killed with -9 in the middle of a campaign, with urgent messages going on: nothing is lost, nothing sent twice.

The supervisor starts the role again. Afterwards the carrier's own log is compared number by number, and the ledger checked.
"""

from __future__ import annotations

import pytest

from tests.support.chaos_scenario import chaos_scenario
from tests.support.processes import kill
from tests.support.running import Running, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RECIPIENTS = 5000
ROLES = ("gateway", "streams-otp", "streams-bulk", "dispatch-otp", "dispatch-bulk", "sinks", "delay", "releaser")


@pytest.mark.parametrize("name", ROLES)
def test_a_role_killed_in_mid_campaign_loses_and_repeats_nothing(victim: Running, name: str) -> None:
    restarts, process = victim.role(name)["restarts"], victim.role_process(name)
    with chaos_scenario(victim, RECIPIENTS) as trial:
        trial.wait_until_gone_out(RECIPIENTS // 10)
        assert trial.gone_out() < RECIPIENTS * 9 // 10, "this is to be the middle"

        kill(process)

        until(lambda: victim.role(name)["restarts"] == restarts + 1, 30, "a new start")
        trial.comes_to_rest(90)
        assert trial.judge() == []
    until(lambda: victim.role(name)["state"] == "running", 30, "readiness")


@pytest.mark.parametrize("name", ["streams-bulk", "dispatch-bulk"])
def test_a_role_that_keeps_dying_loses_and_repeats_nothing(victim: Running, name: str) -> None:
    with chaos_scenario(victim, RECIPIENTS, singles=0) as trial:
        for fifth in (1, 2, 3, 4):
            trial.wait_until_gone_out(RECIPIENTS * fifth // 5)
            kill(victim.role_process(name))
            until(lambda: victim.role(name)["state"] == "running", 30, "readiness")
        trial.comes_to_rest(90)
        assert trial.judge() == []


def test_the_ledger_adds_up_after_all_of_them(victim: Running) -> None:
    assert victim.verify(30)["violations"] == []
    assert victim.cli("dlq", "list") == []
