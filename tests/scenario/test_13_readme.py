"""13. The tour of the README: each command after a `$`, in order, in one shell; what it shows is what comes.

Left out: the `make` commands, which start what runs already. The gateway stands at another port here.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.cli.up import for_people
from tests.support.documents import Ran, blocks_of, run_beside
from tests.support.running import REPOSITORY, Running

pytestmark = pytest.mark.stack
README = REPOSITORY / "README.md"
GATEWAY = "http://127.0.0.1:8080"


def tour() -> list[tuple[str, str]]:
    """(command, what the README shows of its output)."""
    found: list[tuple[str, str]] = []
    for block in blocks_of(README):
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command = re.match(r"(?:.*\\\n)*.*", piece)
            assert command is not None
            found.append((command[0], piece[command.end() :].strip()))
    return found


def form(answer: Any) -> Any:
    """The names in it, and the type of each value; of a list its first entry. Whether a page is followed by another one
    depends on what others have sent to this stack."""
    match answer:
        case dict():
            return {name: "page" if name == "next" else form(value) for name, value in answer.items()}
        case list():
            return [form(entry) for entry in answer[:1]]
        case _:
            return type(answer).__name__


def a_moment_later(command: str) -> str:
    """The command, again until it shows what was sent before it: others have sent to this stack, but the newest comes
    first."""
    return (
        f'for turn in $(seq 2000); do SHOWN=$({command}); FIRST="${{SHOWN%%\\}}*}}"; '
        """case "$FIRST" in *delivered*'"price":"'*) break;; esac; done; echo "$SHOWN\""""
    )


@pytest.fixture(scope="module")
def ran(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> list[Ran]:
    commands = [
        a_moment_later(command) if '"delivered"' in shown and command.startswith("curl") else command
        for command, shown in tour()
        if not command.startswith("make")
    ]
    commands = [command.replace(GATEWAY, stack.line["gateway"]) for command in commands]
    return run_beside(stack, tmp_path_factory.mktemp("readme"), commands)


def test_every_command_ends_well(ran: list[Ran]) -> None:
    assert len(ran) >= 9
    assert [(one.command, one.code, one.out, one.errors) for one in ran if one.code] == []


def test_answers_look_as_they_are_shown(ran: list[Ran]) -> None:
    shown = [output for command, output in tour() if not command.startswith("make")]
    compared = [(one.answers[0], json.loads(output)) for one, output in zip(ran, shown, strict=True) if output[:1] == "{"]
    assert [form(answer) for answer, _ in compared] == [form(expected) for _, expected in compared]
    assert {"part": 0, "accepted": 2000, "rejected_count": 0, "rejected": []} in [answer for answer, _ in compared]
    assert len(compared) >= 4


def test_tables_look_as_they_are_shown(ran: list[Ran]) -> None:
    """What the checker counts depends on what others have sent, and this stack's carrier refuses some of the numbers."""
    shown = [output for command, output in tour() if not command.startswith("make")]
    tables = [(one.out.strip(), output) for one, output in zip(ran, shown, strict=True) if output and output[:1] != "{"]
    (watched, as_shown), (verified, expected) = tables
    assert watched.splitlines()[1] == as_shown.splitlines()[1] == "accepted   2,000  100.0 %"
    assert watched.startswith(as_shown.splitlines()[0])
    first, *rows, last = [line.split()[0] for line in expected.splitlines()]
    printed = [line.split()[0] for line in verified.splitlines()]
    assert (printed[0], printed[-1]) == (first, last) and set(rows) <= set(printed)


def test_up_tells_what_is_shown() -> None:
    command, shown = tour()[0]
    assert command == "make up"
    said = dict(re.findall(r"^  (\w+(?: \w+)?) {3,}(\S+)", shown, re.MULTILINE))
    line = said | {"api_key": said["api key"], "data_dir": said["data"]}

    head, _, addresses = shown.partition("\n")
    assert head == "starting the services"
    assert for_people(line).startswith(addresses) and len(said) == 6
