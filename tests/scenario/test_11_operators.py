"""11. For operators: what runs, how far behind it is, what became a dead letter, and whether everything adds up.

Each command prints JSON when asked to or when nobody looks, a table on a terminal. Exit 0: fine, 1: not, 2: wrong usage.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.support.ledger import recipients
from tests.support.running import Running, until

pytestmark = pytest.mark.stack

ROLES = {
    "gateway",
    "streams-otp",
    "streams-bulk",
    "dispatch-otp",
    "dispatch-bulk",
    "sinks",
    "delay",
    "releaser",
    "simulator",
}


def test_ps_shows_every_role_with_its_process(stack: Running) -> None:
    rows = stack.cli("ps")

    assert {row["name"] for row in rows} == ROLES
    for row in rows:
        assert set(row) == {"name", "role", "pool", "pid", "uptime_seconds", "restarts", "state"}
        assert (row["state"], row["restarts"]) == ("running", 0), row
        assert Path(f"/proc/{row['pid']}").exists()


def test_lag_comes_down_to_nothing(stack: Running) -> None:
    stack.api.post(
        "/v1/campaigns", {"name": "Lag", "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(100))}
    )

    until(lambda: all(row["behind"] == 0 for row in stack.cli("lag")), 30)

    assert {
        "sluice-streams-otp",
        "sluice-streams-bulk",
        "sluice-dispatch-otp",
        "sluice-dispatch-bulk",
        "sluice-delay",
        "sluice-sinks",
    } <= {row["consumer"] for row in stack.cli("lag")}


def test_topics_are_as_the_table_says(stack: Running) -> None:
    listed = {row["name"]: row for row in stack.cli("topics", "list")}

    assert {"ingest-otp", "dispatch-marketing", "delivery-receipts", "dead-letter"} <= set(listed)
    assert listed["campaign-commands"]["cleanup"] == "compact"
    assert stack.cli("topics", "diff") == []


def test_nothing_was_buried(stack: Running) -> None:
    assert stack.cli("dlq", "list") == []
    assert stack.cli("dlq", "stats") == []


def test_settings_are_shown_with_their_source_and_without_secrets(stack: Running) -> None:
    rows = {row["key"]: row for row in stack.cli("config", "show")}

    assert rows["gateway.url"]["value"] == stack.line["gateway"]
    assert stack.line["api_key"] not in str(rows) and stack.line["admin_key"] not in str(rows)
    assert rows["currency"]["from"] == "default"


def test_the_keys_are_readable_by_their_owner_alone(stack: Running) -> None:
    folder = Path(stack.line["data_dir"])

    for name in ("credentials.json", "stack.json", "keyring.json"):
        assert stat.S_IMODE(os.stat(folder / name).st_mode) == 0o600, name


def test_the_doctor_finds_nothing(stack: Running) -> None:
    assert all(row["ok"] for row in stack.cli("doctor"))
    assert all(row["ok"] for row in stack.cli("services", "status"))


def test_the_gateway_says_that_it_is_ready(stack: Running) -> None:
    nobody = stack.api_of(None)

    ready = nobody.get("/readyz")
    assert (ready.status, ready.body["ready"]) == (200, True)
    assert all(ready.body[name]["ok"] for name in ("kafka", "postgres", "redis"))
    assert nobody.get("/healthz").status == 200
    assert nobody.get("/version").body["product"] == "sluice"
    assert "sluice_accepted_messages_total" in nobody.get("/metrics").body
    assert "/v1/campaigns" in nobody.get("/openapi.json").body["paths"]


def test_a_second_up_on_the_same_folder_is_refused(stack: Running) -> None:
    done = stack.run("up", "-o", "json", "--port", "0")

    assert (done.returncode, done.stdout) == (1, "")
    assert stack.api.get("/v1/balance").status == 200


def test_everything_adds_up(stack: Running) -> None:
    found = stack.verify()

    assert found["ok"] is True and found["violations"] == []
    assert found["accepted"] == sum(found["states"].values())
