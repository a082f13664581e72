"""What this version does not have is refused clearly everywhere, and what it cannot store is refused where it comes in.

Paths, methods, fields, commands of a later version; texts that no database can hold; settings that nobody knows; commands
that find the gateway by their environment alone; an end in good time whatever still waits.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.http.fields import UNBUILT
from tests.support.ledger import recipients
from tests.support.running import END_SECONDS, SLUICE, Running, campaign_when, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.stack]

CAMPAIGN = f"cmp_{'0' * 26}"
MESSAGE = f"msg_{'0' * 26}"
UNBUILT_PATHS = (
    "GET /v1/opt-outs",
    "POST /v1/opt-outs",
    "DELETE /v1/opt-outs",
    "GET /v1/webhooks",
    "POST /v1/webhooks",
    "PATCH /v1/webhooks/1",
    "POST /v1/callbacks/acme",
    "GET /v1/admin",
    "GET /v1/admin/carriers",
    "POST /v1/admin/replay",
    "GET /asyncapi.json",
    "GET /docs",
)
UNBUILT_COMMANDS = (
    "carrier pause x",
    "carrier resume x",
    "dlq replay x",
    "dlq discard x",
    "replay --topic held",
    "rebuild --into x",
)
NUMBER = "+4915112345678"
ONE = {"to": NUMBER, "from": "Shop", "body": "Hi {{a}}", "variables": {"a": "x"}}
MANY = {"name": "Gaps", "from": "Shop", "body": "Hi", "recipients": [{"to": NUMBER}]}


@pytest.mark.parametrize("call", UNBUILT_PATHS)
def test_a_path_of_a_later_version_is_not_there(stack: Running, call: str) -> None:
    method, path = call.split(" ")
    body = None if method in ("GET", "DELETE") else b"{}"
    answer = stack.api.call(method, path, body, {"Content-Type": "application/json"} if body else {})
    assert (answer.status, answer.body["code"]) == (404, "not_found")
    pattern = path.replace(CAMPAIGN, "{id}").replace(MESSAGE, "{id}")
    assert pattern not in stack.api.get("/openapi.json").body["paths"]


@pytest.mark.parametrize("field", sorted(UNBUILT))
@pytest.mark.parametrize("value", ["x", None, {}])
def test_a_field_of_a_later_version_is_refused_with_its_place(stack: Running, field: str, value: Any) -> None:
    for path, body in (("/v1/messages", ONE), ("/v1/campaigns", MANY), ("/v1/preview", MANY)):
        answer = stack.api.post(path, {**body, field: value})
        assert (answer.status, _places(answer.body)) == (422, [(f"/{field}", "unsupported")]), path


def test_the_description_names_no_field_of_a_later_version(stack: Running) -> None:
    described = stack.api.get("/openapi.json").body["components"]["schemas"]
    for name in ("MessageRequest", "CampaignRequest", "Recipient"):
        properties = described[name]["properties"]
        assert not UNBUILT & set(properties) and described[name]["additionalProperties"] is False
        assert "whatsapp" not in json.dumps(properties)


@pytest.mark.parametrize("command", UNBUILT_COMMANDS)
def test_a_command_of_a_later_version_is_wrong_usage(stack: Running, command: str) -> None:
    done = stack.run(*command.split(" "))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "No such command" in done.stderr


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/messages", {**ONE, "body": "a\0"}, "/body"),
        ("/v1/messages", {**ONE, "from": "a\0"}, "/from"),
        ("/v1/messages", {**ONE, "to": NUMBER + "\0"}, "/to"),
        ("/v1/messages", {**ONE, "client_ref": "\0"}, "/client_ref"),
        ("/v1/messages", {**ONE, "variables": {"a": "\0"}}, "/variables/a"),
        ("/v1/campaigns", {**MANY, "name": "\0"}, "/name"),
        ("/v1/campaigns", {**MANY, "from": "\0"}, "/from"),
        ("/v1/campaigns", {**MANY, "body": "\0"}, "/body"),
        ("/v1/campaigns", {**MANY, "open": True, "body": "\0"}, "/body"),
    ],
)
def test_nul_is_refused_where_it_comes_in(stack: Running, path: str, body: Any, pointer: str) -> None:
    answer = stack.api.post(path, body)
    assert answer.status == 422
    assert [place for place, _ in _places(answer.body)] == [pointer]


def test_nul_in_recipients_costs_these_recipients_alone(stack: Running) -> None:
    good = stack.german(2)
    rows = [{"to": good[0]}, {"to": NUMBER, "client_ref": "\0"}, {"to": NUMBER + "\0"}]
    answer = stack.api.post("/v1/campaigns", {**MANY, "recipients": rows})
    assert [(row["index"], row["pointer"]) for row in answer.body["rejected"]] == [
        (1, "/recipients/1/client_ref"),
        (2, "/recipients/2/to"),
    ]
    draft = stack.api.post("/v1/campaigns", {**MANY, "recipients": [], "open": True}).id
    lines = "".join(json.dumps({**row, "to": good[1] if n == 0 else row["to"]}) + "\n" for n, row in enumerate(rows))
    part = stack.api.upload(draft, lines.encode(), part=0)
    assert (part.status, part.body["accepted"], part.body["rejected_count"]) == (202, 1, 2)
    stack.api.post(f"/v1/campaigns/{draft}/start")
    for campaign in (answer.id, draft):
        campaign_when(stack.api, campaign, lambda seen: seen["counts"]["delivered"] == 1, 30)
    assert stack.cli("dlq", "list") == []


@pytest.mark.parametrize("command", [("up", "-o", "json"), ("run", "gateway"), ("ps",), ("verify",), ("topics", "list")])
def test_unknown_settings_stop_every_command_with_all_faults(command: tuple[str, ...], tmp_path: Path) -> None:
    wrong = {"SLUICE_X": "1", "SLUICE_KAFKA__BOOTSTRP": "a", "SLUICE_GATEWAY__PORT": "abc"}
    done = subprocess.run(
        [str(SLUICE), *command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], "SLUICE_DATA_DIR": str(tmp_path / "d"), **wrong},
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert all(done.stderr.count(name) >= 1 for name in wrong)
    assert len(done.stderr.splitlines()) == len(wrong)
    assert not (tmp_path / "d").exists()


def test_two_variables_are_all_that_a_sender_needs(stack: Running, tmp_path: Path) -> None:
    [number] = stack.german(1)
    done = subprocess.run(
        [str(SLUICE), "send", "--from", "Shop", "--to", number, "--body", "Hi", "-o", "json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "SLUICE_GATEWAY__URL": stack.line["gateway"],
            "SLUICE_API_KEY": stack.line["api_key"],
        },
    )
    assert done.returncode == 0, done.stderr
    assert stack.api.message(json.loads(done.stdout)["id"])["to"] == number


@pytest.fixture
def slow_stack() -> Iterator[Running]:
    with running_stack(rate=20) as running:
        yield running


@pytest.mark.timeout(300)
def test_the_end_comes_in_time_whatever_waits(slow_stack: Running) -> None:
    ours, outside = slow_stack.german(2000), slow_stack.british(3000)
    campaign = slow_stack.api.post("/v1/campaigns", {**MANY, "recipients": recipients(ours + outside)}).id
    campaign_when(slow_stack.api, campaign, lambda seen: seen["counts"]["delivered"] >= 40, 30)
    begun = time.monotonic()
    slow_stack.stop()
    assert time.monotonic() - begun < END_SECONDS
    slow_stack.start_again()
    counts = slow_stack.api.campaign(campaign)["counts"]
    assert counts["accepted"] == 5000 and counts["delivered"] < 5000
    for carrier in ("steady", "rough"):
        slow_stack.cli("carrier", "set", carrier, "--rate", "2000")
    # The stack's own carrier ends with the stack and forgets the receipts that it owed.
    last = campaign_when(slow_stack.api, campaign, lambda seen: _taken(seen) == 5000 and seen["counts"]["sent"] < 100, 120)
    assert last["counts"]["uncertain"] == 0
    until(lambda: not set(outside) & {row["to"] for row in slow_stack.api.messages(campaign, status="sent")}, 30)
    assert slow_stack.verify()["ok"] is True


def _taken(campaign: Any) -> int:
    return int(campaign["counts"]["delivered"] + campaign["counts"]["sent"])


def _places(problem: Any) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in problem["errors"]]
