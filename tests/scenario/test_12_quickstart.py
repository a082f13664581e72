"""12. The quickstart does what it says: each of its commands, in order, in one shell, on a stack that runs.

Only the `make` commands are left out: they start what runs already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import Ran, blocks_of, run_beside
from tests.support.running import REPOSITORY, Running

pytestmark = pytest.mark.stack
QUICKSTART = REPOSITORY / "docs" / "quickstart.md"
STARTED_ALREADY = ["make demo", "make up"]


def commands_of(document: Path) -> list[str]:
    """Every command in a fenced block; a backslash at the end of a line joins the next to it."""
    return [command for block in blocks_of(document) for command in re.split(r"(?<!\\)\n", block.strip()) if command]


@pytest.fixture(scope="module")
def ran(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> list[Ran]:
    commands = [command for command in commands_of(QUICKSTART) if command not in STARTED_ALREADY]
    return run_beside(stack, tmp_path_factory.mktemp("quickstart"), commands)


def answer_to(ran: Sequence[Ran], part: str) -> Any:
    """What the one command that has this in it said, as JSON."""
    (found,) = [one for one in ran if part in one.command]
    (answer,) = found.answers
    return answer


def table_of(ran: Sequence[Ran], part: str) -> list[str]:
    """The lines that the one command that has this in it said."""
    (found,) = [one for one in ran if part in one.command]
    return found.out.splitlines()


def test_every_command_ends_well(ran: list[Ran]) -> None:
    assert [(one.command, one.code, one.out, one.errors) for one in ran if one.code] == []


def test_no_answer_is_a_refusal(ran: list[Ran]) -> None:
    called = [one for one in ran if one.command.startswith("curl ")]
    assert len(called) >= 8
    for one in called:
        (answer,) = one.answers
        assert "code" not in answer and not answer.get("rejected"), (one.command, answer)


def test_the_answers_are_those_that_the_document_speaks_of(ran: list[Ran]) -> None:
    assert set(answer_to(ran, "Idempotency-Key: order-17")) == {"id", "status", "encoding", "segments"}
    assert answer_to(ran, "/v1/preview")["recipients"] == 1
    assert [line for line in table_of(ran, "message trace") if "accepted" in line]
    assert answer_to(ran, "spring-1")["accepted"] == 2
    assert answer_to(ran, "text/csv") == {"part": 0, "accepted": 2, "rejected_count": 0, "rejected": []}
    title, accepted = table_of(ran, "campaign watch")[:2]
    assert (title, accepted.split()) == ("summer: completed", ["accepted", "2", "100.0", "%"])
    assert table_of(ran, "sluice verify")[-1] == "the ledger adds up"


def test_the_subscriber_prints_events(ran: list[Ran]) -> None:
    (printed,) = [one for one in ran if "subscriber.py" in one.command]
    assert len(printed.answers) == 3
    assert all(event["ce_id"].startswith(event["message_id"]) for event in printed.answers)


def test_only_what_starts_the_stack_was_left_out() -> None:
    commands = commands_of(QUICKSTART)
    assert [command for command in commands if command.startswith("make")] == STARTED_ALREADY
    assert len(commands) > 15 and all(command.count('"') % 2 == 0 for command in commands)
