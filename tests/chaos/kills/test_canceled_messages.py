"""Single messages that wait for their time are canceled while a role is killed -9, each role in turn.

In: messages whose time comes in seconds, cancels at the same moment, a kill. Out: each message went or was canceled, never
both, never neither, by the carrier's own log; money, counts and events add up (`verify`).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.support.gateway_client import UNREACHABLE
from tests.support.ledger import takings
from tests.support.processes import kill
from tests.support.running import Running, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

MESSAGES = 60
DUE_SECONDS = 5.0


def cancel(stack: Running, identity: str) -> int:
    """The answer, of whichever gateway there is by then."""
    deadline = time.monotonic() + 60
    while True:
        try:
            status = stack.api.post(f"/v1/messages/{identity}/cancel").status
        except UNREACHABLE:
            status = 503
        if status != 503 or time.monotonic() > deadline:
            return status


@pytest.mark.parametrize(
    "killed", ["gateway", "streams-otp", "dispatch-otp", "sinks", "releaser", "delay", "streams-bulk", "dispatch-bulk"]
)
def test_each_goes_or_is_canceled(victim: Running, killed: str) -> None:
    stack, numbers = victim, victim.german(MESSAGES)
    due = time.time() + DUE_SECONDS
    lane = "marketing" if killed.endswith("bulk") else "transactional"
    body = {"from": "Shop", "body": "Kill", "lane": lane, "send_at": datetime.fromtimestamp(due, UTC).isoformat()}
    with ThreadPoolExecutor(16) as callers:
        ids = list(callers.map(lambda number: stack.api.post("/v1/messages", {**body, "to": number}).id, numbers))
        until(lambda: time.time() > due - 1.0, 30)
        answers = callers.map(lambda identity: cancel(stack, identity), ids[::2])
        kill(stack.role_process(killed))
        assert set(answers) <= {202, 409}

    def states() -> list[str]:
        try:
            return [stack.api.message(identity)["status"] for identity in ids]
        except UNREACHABLE:
            return [""]

    until(lambda: set(states()) <= {"canceled", "delivered"}, 90, "the end of all")
    taken = takings(stack.entries(), numbers)
    ended = dict(zip(numbers, states(), strict=True))
    assert [number for number in numbers if taken[number] != (ended[number] == "delivered")] == []
    assert [number for number in numbers[1::2] if ended[number] != "delivered"] == []
    verified = stack.cli("verify", "--wait", "60")
    assert verified["ok"], verified["violations"]
