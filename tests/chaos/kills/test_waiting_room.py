"""The waiting room behind what everybody else knows: its rows come after the resume, or are as they were a while ago.

In: a campaign of which most waits for room at a slow carrier; sinks that stand still, a database that is set back. Out:
every recipient exactly once by the carrier's own log.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.chaos_scenario import passed, start_campaign, unlike_once
from tests.support.database_copy import copy_database, set_back
from tests.support.processes import kill
from tests.support.running import Running, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RECIPIENTS = 6000


def test_rows_that_come_after_the_resume_go_on(victim: Running) -> None:
    """The sinks stand still when the campaign is paused: what rests is written when it runs again."""
    stack, numbers = victim, victim.german(RECIPIENTS)
    campaign = start_campaign(stack, numbers)
    until(lambda: passed(stack, numbers) > RECIPIENTS // 8, 60, "the middle")
    sinks = stack.role_process("sinks")
    os.kill(sinks.pid, signal.SIGSTOP)
    assert stack.api.post(f"/v1/campaigns/{campaign}/pause").status == 202
    at_rest: list[int] = []

    def rests() -> bool:
        at_rest.append(passed(stack, numbers))
        return len(at_rest) > 20 and at_rest[-1] == at_rest[-20]

    until(rests, 30, "what had begun to end")
    assert at_rest[-1] < RECIPIENTS
    assert stack.api.post(f"/v1/campaigns/{campaign}/resume").status == 202
    kill(sinks)
    assert unlike_once(stack, campaign, numbers) == []


def test_a_database_that_is_set_back_while_rows_wait(victim: Running) -> None:
    """Rows come back that have gone since, and are sent again to dispatch, which knows them."""
    stack, numbers = victim, victim.german(RECIPIENTS)
    campaign = start_campaign(stack, numbers)
    until(lambda: passed(stack, numbers) > RECIPIENTS // 8, 60, "the middle")
    copy_database(stack.line["postgres"])
    until(lambda: passed(stack, numbers) > RECIPIENTS // 2, 60, "more of it")
    set_back(stack.line["postgres"])
    assert unlike_once(stack, campaign, numbers) == []
