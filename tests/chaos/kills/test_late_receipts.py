"""Receipts that come late, while nobody in dispatch remembers their messages and a role is killed as references become rows.

In: a carrier of which every second receipt is eight seconds late, references that become rows after one. Out: everything
delivered, nothing sent twice, whoever was killed; receipts looked up in pages and in rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.chaos_scenario import chaos_scenario
from tests.support.processes import kill
from tests.support.releaser_rows import rows
from tests.support.running import Running, running_stack, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RECIPIENTS = 2000
PLACED = "SELECT count(*)::int FROM message_refs"


@pytest.fixture(scope="module")
def victim() -> Iterator[Running]:
    """Every second message has no receipt yet when its reference is due."""
    with running_stack(rate=1000, more="[sinks]\nreceipt_seconds = 1\n") as stack:
        yield stack


def placed(stack: Running) -> int:
    return int(rows(stack.line["postgres"], PLACED)[0][0])


@pytest.mark.parametrize("name", ["dispatch-bulk", "sinks", "releaser", "streams-bulk"])
def test_late_receipts_find_their_messages_whoever_is_killed(victim: Running, name: str) -> None:
    victim.rough.behave(receipts_on="any", receipt_late_every=2, receipt_late_seconds=8.0, receipt_twice_every=7)
    before, process = placed(victim), victim.role_process(name)
    with chaos_scenario(victim, RECIPIENTS, singles=0, outside=True) as trial:
        trial.wait_until_gone_out(RECIPIENTS // 2)
        if name != "dispatch-bulk":
            kill(victim.role_process("dispatch-bulk"))
        until(lambda: placed(victim) > before, 30, "the first reference that becomes a row")
        kill(process)
        trial.comes_to_rest(90)
        assert trial.judge() == []
    until(lambda: victim.role(name)["state"] == "running", 30, "readiness")
    assert victim.verify(30)["violations"] == []
