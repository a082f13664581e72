"""20. The runbooks do what they say: each of their commands, in order, in one shell, on a stack that runs.

What they name by a variable (`$CARRIER`, `$CAMPAIGN` ...) stands for what the reader's own incident is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.documents import Ran, run_beside
from tests.support.ledger import recipients
from tests.support.running import REPOSITORY, Running, campaign_when

pytestmark = pytest.mark.stack
OPERATIONS = REPOSITORY / "docs" / "operations.md"
RUNBOOKS = (
    "The operator's key",
    "Stop everything",
    "Carrier slow",
    "One connection",
    "Carrier dead",
    "Campaign waits",
    "Campaign profiles",
)


def commands_of(title: str) -> list[str]:
    """The commands of a section, a line each."""
    [section] = re.findall(rf"^##+ {title}\n(.*?)(?=^##)", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


def words_of(one: Ran) -> list[str]:
    """The lines that a command wrote, one space between words."""
    return [" ".join(line.split()) for line in one.out.splitlines()]


@pytest.fixture(scope="module")
def ran(stack: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ran]]:
    """Each command by its words, without what the document remarks about it."""
    numbers = stack.german(2)
    body = {"name": "Incident", "from": "Shop", "body": "Hi", "recipients": recipients(numbers)}
    campaign = stack.api.post("/v1/campaigns", body).id
    campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 2, 30)
    before = stack.cli("carrier", "show", "rough")
    reader = {
        "GATEWAY": stack.line["gateway"],
        "CARRIER": "rough",
        "OTHER": "steady",
        "PREFIX": "+599",
        "CAMPAIGN": campaign,
        "MESSAGE": stack.api.messages(campaign)[0]["id"],
    }
    prelude = ['export PATH="$PWD/.venv/bin:$PATH"', *(f"{name}={value}" for name, value in reader.items())]
    commands = [command for title in RUNBOOKS for command in commands_of(title)]
    try:
        done = run_beside(stack, tmp_path_factory.mktemp("runbooks"), [*prelude, *commands])
    finally:
        limits = [word for name in ("rate", "window", "binds") for word in (f"--{name}", str(before[name]))]
        stack.cli("carrier", "set", "rough", *limits)
    yield {one.command.split("#")[0].strip(): one for one in done}


def test_every_runbook_has_commands_and_each_ends_well(ran: dict[str, Ran]) -> None:
    assert [title for title in RUNBOOKS if not commands_of(title)] == []
    assert [(one.command, one.code, one.out, one.errors) for one in ran.values() if one.code] == []


def test_they_stop_and_let_go_again(stack: Running, ran: dict[str, Ran]) -> None:
    assert [line.split()[0] for line in ran["sluice panic"].out.splitlines()] == ["kind", "all"]
    assert ran["sluice panic --all --lift"].out == ""
    assert {line.split()[1] for line in ran["sluice scheduler status"].out.splitlines()[1:]} == {"no"}
    assert {line.split()[1] for line in ran["sluice scheduler start"].out.splitlines()[1:]} == {"yes"}
    assert stack.cli("panic") == []


def test_they_show_what_they_speak_of(ran: dict[str, Ran]) -> None:
    assert "health marketing" in ran["sluice carrier show $CARRIER -o table"].out
    assert "rate 0" in words_of(ran["sluice carrier set $CARRIER --rate 0"])
    assert "binds 1" in words_of(ran["sluice carrier set $CARRIER --binds 1"])
    narrow = words_of(ran["sluice carrier set $CARRIER --network +4915=0.5"])
    assert {"sender_rate 5", "sender_rates Shop 20", "sender_rates Bank 0", "network_rates 4915 0.5"} <= set(narrow)
    lifted = words_of(next(one for command, one in ran.items() if "--sender-rate none" in command))
    assert {"sender_rate", "sender_rates", "network_rates"} <= set(lifted)
    assert "waiting" in ran["sluice campaign show $CAMPAIGN -o table"].out
    assert "accepted" in ran["sluice message trace $MESSAGE"].out
    [audit] = next(one for command, one in ran.items() if command.startswith("curl ")).answers
    assert set(audit) == {"entries", "next"} and {"at", "who", "action", "detail"} <= set(audit["entries"][0])
