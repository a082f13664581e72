"""What an operator does in the middle of a campaign, with everything ended meanwhile; and releasers killed while chunks that
wait for their time pass.

In: a campaign that is paused, a carrier whose rate changes, a restart of all, a resume; messages due within a second, a
releaser that is killed again and again. Out: every recipient exactly once by the carrier's own log, none before its time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.support.chaos_scenario import passed, start_campaign, unlike_once
from tests.support.gateway_client import UNREACHABLE
from tests.support.ledger import takings
from tests.support.processes import kill
from tests.support.running import Running, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RECIPIENTS = 6000
MESSAGES = 400
DUE_SECONDS = 15.0
KILLS = 4


@pytest.fixture(autouse=True)
def rate_as_before(victim: Running) -> Iterator[None]:
    """A test may leave the carrier slow."""
    yield
    victim.cli("carrier", "set", "steady", "--rate", "1000")


@pytest.mark.parametrize("end", [Running.stop, Running.kill], ids=["stopped", "killed"])
def test_pause_another_rate_a_restart_of_everything_and_resume(victim: Running, end: object) -> None:
    stack, numbers = victim, victim.german(RECIPIENTS)
    campaign = start_campaign(stack, numbers)
    until(lambda: sum(takings(stack.entries(), numbers).values()) > RECIPIENTS // 8, 60, "the middle")
    assert stack.api.post(f"/v1/campaigns/{campaign}/pause").status == 202
    stack.cli("carrier", "set", "steady", "--rate", "400")
    before = sum(takings(stack.entries(), numbers).values())
    assert callable(end)

    end(stack)
    stack.start_again()

    assert stack.api.campaign(campaign)["status"] == "paused"
    rested = sum(takings(stack.entries(), numbers).values())
    assert before <= rested < RECIPIENTS, "what dispatch had began before the pause was known"
    assert stack.api.post(f"/v1/campaigns/{campaign}/resume").status == 202
    assert unlike_once(stack, campaign, numbers) == []


def test_releasers_killed_while_due_messages_pass(victim: Running) -> None:
    stack, numbers = victim, victim.german(MESSAGES)
    due = time.time() + DUE_SECONDS
    body = {"from": "Shop", "body": "Now", "lane": "marketing", "send_at": datetime.fromtimestamp(due, UTC).isoformat()}
    with ThreadPoolExecutor(16) as callers:
        ids = list(callers.map(lambda number: stack.api.post("/v1/messages", {**body, "to": number}).id, numbers))
    assert time.time() < due, "they are to wait"
    for number in range(KILLS):
        until(lambda share=number: passed(stack, numbers) >= share * MESSAGES // (KILLS + 1), 60, "the next kill")  # type: ignore[misc]
        until(lambda: time.time() >= due, 60)
        until(lambda: stack.role("releaser")["state"] == "running", 40, "the releaser")
        kill(stack.role_process("releaser"))

    def states() -> set[str]:
        try:
            return {stack.api.message(identity)["status"] for identity in ids}
        except UNREACHABLE:
            return set()

    until(lambda: states() == {"delivered"}, 90, "the end of all")
    assert set(takings(stack.entries(), numbers).values()) == {1}
    wanted = {number.removeprefix("+") for number in numbers}
    assert [entry for entry in stack.entries() if entry.destination in wanted and entry.time < due] == []
    assert stack.verify(60)["violations"] == []
