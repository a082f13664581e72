"""12. The quickstart does what it says: each of its commands, in order, in one shell, on a stack that runs.

Only the `make` commands are left out: they start what runs already. The shell stands in a folder like the repository
after `make up`: `.sluice` leads to the stack's data, `.venv` and `examples` are the real ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import REPOSITORY, Running

pytestmark = pytest.mark.stack
QUICKSTART = REPOSITORY / "docs" / "quickstart.md"
PLAIN_CURL = REPOSITORY / "tests" / "support" / "plain_curl.py"
SECONDS = 100
STARTED_ALREADY = ["make demo", "make up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command and how it ended; `answers`: what of its output is JSON, a line or all of it."""

    command: str
    code: int
    out: str
    errors: str

    @property
    def answers(self) -> list[Any]:
        for pieces in ([self.out], self.out.splitlines()):
            try:
                return [json.loads(piece) for piece in pieces]
            except ValueError:
                continue
        return []


def commands_of(document: Path) -> list[str]:
    """Every command in a fenced block; a backslash at the end of a line joins the next to it."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return [command for block in blocks for command in re.split(r"(?<!\\)\n", block.strip()) if command]


def run(commands: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[Ran]:
    """All of them in one bash, which knows the variables that the earlier ones set."""
    notes = folder / "notes"
    notes.mkdir()
    script = "set -o pipefail\n" + "".join(
        f"{{ {command}\n}} >{notes}/{n}.out 2>{notes}/{n}.err\necho $? >{notes}/{n}.code\n"
        for n, command in enumerate(commands))
    subprocess.run(["bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL, timeout=SECONDS,
                   check=True)
    for n, command in enumerate(commands):
        code, out, errors = ((notes / f"{n}.{kind}").read_text() for kind in ("code", "out", "err"))
        yield Ran(command=command, code=int(code), out=out, errors=errors)


@pytest.fixture(scope="module")
def ran(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> list[Ran]:
    folder = tmp_path_factory.mktemp("quickstart")
    for name, target in ((".sluice", Path(stack.line["data_dir"])), (".venv", Path(sys.prefix)),
                         ("examples", REPOSITORY / "examples")):
        (folder / name).symlink_to(target)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    if shutil.which("curl") is None:
        (folder / "bin").mkdir()
        (folder / "bin" / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PLAIN_CURL}" "$@"\n')
        (folder / "bin" / "curl").chmod(0o755)
        environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
    return list(run([command for command in commands_of(QUICKSTART) if command not in STARTED_ALREADY], folder,
                    environment))


def answer_to(ran: Sequence[Ran], part: str) -> Any:
    """What the one command that has this in it said, as JSON."""
    found, = [one for one in ran if part in one.command]
    answer, = found.answers
    return answer


def test_every_command_ends_well(ran: list[Ran]) -> None:
    assert [(one.command, one.code, one.out, one.errors) for one in ran if one.code] == []


def test_no_answer_is_a_refusal(ran: list[Ran]) -> None:
    called = [one for one in ran if one.command.startswith("curl ")]
    assert len(called) >= 8
    for one in called:
        answer, = one.answers
        assert "code" not in answer and not answer.get("rejected"), (one.command, answer)


def test_the_answers_are_those_that_the_document_speaks_of(ran: list[Ran]) -> None:
    assert set(answer_to(ran, "Idempotency-Key: order-17")) == {"id", "status", "encoding", "segments"}
    assert answer_to(ran, "/v1/preview")["recipients"] == 1
    assert answer_to(ran, "spring-1")["accepted"] == 2
    assert answer_to(ran, "text/csv") == {"part": 0, "accepted": 2, "rejected_count": 0, "rejected": []}
    watched = answer_to(ran, "campaign watch")
    assert (watched["name"], watched["status"], watched["counts"]["accepted"]) == ("summer", "completed", 2)
    assert answer_to(ran, "sluice verify")["ok"] is True


def test_the_subscriber_prints_events(ran: list[Ran]) -> None:
    printed, = [one for one in ran if "subscriber.py" in one.command]
    assert len(printed.answers) == 3
    assert all(event["ce_id"].startswith(event["message_id"]) for event in printed.answers)


def test_only_what_starts_the_stack_was_left_out() -> None:
    commands = commands_of(QUICKSTART)
    assert [command for command in commands if command.startswith("make")] == STARTED_ALREADY
    assert len(commands) > 15 and all(command.count('"') % 2 == 0 for command in commands)
