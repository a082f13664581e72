"""Two processes of each role, as `docker compose up --scale` makes them: the work is shared, nothing is done twice.

In: a stack, and a second set of roles started with `sluice run` and settings from the environment alone. Out: each message
taken once while both work, and again after the second set was killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.ledger import disagreements, recipients
from tests.support.running import SLUICE, Running, campaign_when, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROLES = (
    "streams --pool bulk",
    "streams --pool otp",
    "dispatch --pool bulk",
    "dispatch --pool otp",
    "sinks",
    "delay",
    "releaser",
)
COUNT = 4000


@pytest.fixture(scope="module")
def stack() -> Iterator[Running]:
    with running_stack() as running:
        yield running


@pytest.fixture
def seconds(stack: Running, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A second process of each role, joined and working."""
    environment = {
        "PATH": os.environ["PATH"],
        "SLUICE_DATA_DIR": str(tmp_path),
        "SLUICE_KAFKA__BOOTSTRAP": stack.line["kafka"],
        "SLUICE_POSTGRES__URL": stack.line["postgres"],
        "SLUICE_REDIS__URL": stack.line["redis"],
        "SLUICE_KEYRING": str(Path(stack.line["data_dir"]) / "keyring.json"),
    }
    with ExitStack() as block:
        errors = block.enter_context((tmp_path / "err").open("w"))
        started = [
            subprocess.Popen(
                [str(SLUICE), "run", *role.split(" "), "--instance", "second"], env=environment, stderr=errors, cwd=tmp_path
            )
            for role in ROLES
        ]
        try:
            until(lambda: len(list((tmp_path / "run").glob("*.json"))) == len(ROLES), 90, "every role's mark")
            yield started
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
            for process in started:
                process.wait(40)


def test_work_is_shared_and_nothing_is_done_twice(
    stack: Running, seconds: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    numbers = stack.german(COUNT // 2) + stack.british(COUNT // 2)
    campaigns = [
        stack.api.post("/v1/campaigns", {"name": "Shared", "from": "Shop", "body": "Hi", "recipients": recipients(half)}).id
        for half in (numbers[::2], numbers[1::2])
    ]
    rows = []
    for campaign in campaigns:
        last = campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == COUNT // 2, 60)
        rows += stack.api.messages(campaign)
    counts = {name: 2 * number for name, number in last["counts"].items()}
    assert disagreements(counts, rows, numbers, [*stack.entries(), *stack.rough.entries()]) == []
    assert stack.verify()["ok"] is True
    assert [process.poll() for process in seconds] == [None] * len(ROLES)
    lines = [line for line in (tmp_path / "err").read_text().splitlines() if line.startswith("{")]
    instances = {json.loads(line).get("instance") for line in lines}
    assert {"streams-bulk-second", "dispatch-bulk-second", "sinks-second"} <= instances


def test_what_the_second_ones_held_goes_back_to_the_first(stack: Running, seconds: list[subprocess.Popen[bytes]]) -> None:
    numbers = stack.german(COUNT)
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Alone again", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    ).id
    campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] > 100, 30)
    for process in seconds:
        process.kill()
    last = campaign_when(
        stack.api, campaign, lambda seen: seen["counts"]["delivered"] + seen["counts"]["uncertain"] == COUNT, 90
    )
    assert last["counts"]["uncertain"] < 500
    taken = [entry.destination for entry in stack.entries() if entry.status == 0]
    assert len(taken) == len(set(taken))
    assert stack.verify()["ok"] is True
