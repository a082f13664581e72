"""Telephone numbers stay sealed, and tenants stay apart, in what a running stack leaves behind.

In: messages of every fate. Out: no number in clear in any log, record of a topic, row or key, in any usual form; only the
simulated carrier's own log has them, for it is a carrier. `sluice_app` sees the rows of the tenant it names, nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.services.postgres_runtime import programs
from schemas.records.topics import TOPICS
from schemas.records.wire import DeliveryReceipt
from tests.support import canaries
from tests.support.ledger import recipients, settled
from tests.support.running import Running, campaign_when
from tests.support.topic_reader import read_topic

pytestmark = [pytest.mark.slow, pytest.mark.stack]
PRIVATE_TABLES = (
    "allowances",
    "carrier_refs",
    "ref_blocks",
    "ref_pages",
    "message_refs",
    "uncertain_positions",
    "receipt_parts",
    "sink_offsets",
    "dead_letters",
    "parked_receipts",
)


@pytest.fixture(scope="module")
def numbers(stack: Running) -> list[str]:
    """Numbers of messages that were delivered, refused by the carrier, by us, canceled, left in a draft, asked for."""
    api = stack.api
    sent, drafted, rough = stack.german(60), stack.german(30), stack.british(20)
    refused = ["+4915110990666", "+4915110990667", "+49151123", "+44123456789012"]
    body = {"from": "Shop", "body": "Hi {{who}}"}
    campaigns = [
        api.post("/v1/campaigns", {**body, "name": "A", "recipients": recipients(to, who="Ann")}).id
        for to in (sent + refused, rough)
    ]
    for lane in ("otp", "transactional"):
        api.post("/v1/messages", {"to": drafted[0], "from": "Shop", "body": "Hi", "lane": lane, "client_ref": "order-7"})
    api.post("/v1/messages", {"to": refused[2], "from": "Shop", "body": "Hi"})
    draft = api.post("/v1/campaigns", {**body, "name": "B", "open": True}).id
    api.upload(draft, "".join(json.dumps({"to": n, "variables": {"who": "Bo"}}) + "\n" for n in drafted + refused).encode())
    api.post(f"/v1/campaigns/{draft}/cancel")
    for campaign in campaigns:
        campaign_when(api, campaign, lambda seen: settled(seen["counts"]), 30)
    assert api.listed(to=sent[0]) and stack.run("route", "test", sent[1]).returncode == 0
    assert stack.verify()["ok"] is True
    return sent + drafted + rough + refused


def found(content: bytes, numbers: Iterable[str]) -> list[str]:
    """The numbers that stand in these bytes."""
    return canaries.found(content, {number: canaries.forms_of_number(number) for number in numbers})


def test_the_search_finds_what_is_there(stack: Running, numbers: list[str]) -> None:
    log = (Path(stack.line["data_dir"]) / "logs" / "simulator-smsc.log").read_bytes()
    assert numbers[0] in found(log, numbers)
    for form in canaries.forms_of_number(numbers[0]):
        assert numbers[0] in found(b"x" + form + b"y", numbers)


def test_no_log_has_a_number(stack: Running, numbers: list[str]) -> None:
    folder = Path(stack.line["data_dir"])
    logs = [path for path in (folder / "logs").iterdir() if path.name != "simulator-smsc.log"]
    assert {"gateway.log", "dispatch-bulk.log", "sinks.log", "postgres.log"} <= {path.name for path in logs}
    for path in [*logs, stack.folder / "up.err"]:
        assert found(path.read_bytes(), numbers) == [], path.name


@pytest.mark.parametrize("topic", [row.name for row in TOPICS])
def test_no_topic_has_a_number(stack: Running, numbers: list[str], topic: str) -> None:
    for record in read_topic(stack.line["kafka"], topic):
        headers = "\n".join(f"{name}={value}" for name, value in record.headers.items()).encode()
        content = (record.key or b"") + b"\n" + record.value + b"\n" + headers
        assert found(content, numbers) == [], (topic, record.offset)
        assert topic == "delivery-receipts" or b"order-7" not in content, (topic, record.offset)


def test_every_public_receipt_names_its_destination_by_hash(stack: Running, numbers: list[str]) -> None:
    receipts = [record.decoded(DeliveryReceipt) for record in read_topic(stack.line["kafka"], "delivery-receipts")]
    assert {"delivered", "failed", "canceled"} <= {receipt.status for receipt in receipts}
    assert [receipt for receipt in receipts if not re.fullmatch("[0-9a-f]{16}", receipt.to_hash)] == []


def test_no_row_and_no_key_has_a_number(stack: Running, numbers: list[str]) -> None:
    tables = set()
    for table, row in canaries.rows_of(stack.line["postgres"]):
        tables.add(table)
        assert found(row, numbers) == [], table
    assert {"chunk_payloads", "rejections", "campaigns"} <= tables
    keys = list(canaries.keys_of(stack.line["redis"]))
    assert keys
    for name, content in keys:
        assert found(content, numbers) == [], name


def test_the_database_shows_a_tenant_its_own_rows_alone(stack: Running, numbers: list[str]) -> None:
    made = stack.cli("tenant", "create", "apart", "--balance", "9")
    campaign = (
        stack.api_of(made["api_key"])
        .post("/v1/campaigns", {"name": "Own", "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(3))})
        .id
    )
    campaign_when(stack.api_of(made["api_key"]), campaign, lambda seen: seen["counts"]["delivered"] == 3, 30)

    assert _psql(stack, "SELECT count(*) FROM campaigns; SELECT count(*) FROM messages") == ["0", "0"]
    own = f"SELECT set_config('app.tenant', '{made['id']}', false); "
    assert _psql(stack, own + "SELECT id FROM campaigns; SELECT count(*) FROM messages; SELECT count(*) FROM tenants")[
        1:
    ] == [campaign, "3", "1"]
    assert "permission denied" in _refusal(stack, own + "UPDATE balances SET balance = 1")
    assert "row-level security" in _refusal(
        stack,
        own + "INSERT INTO rejections SELECT (jsonb_populate_record(NULL::"
        'rejections, \'{"tenant": "00000000-0000-4000-8000-000000000000"}\')).*',
    )
    for table in PRIVATE_TABLES:
        assert "permission denied" in _refusal(stack, own + f"SELECT 1 FROM {table}")


def test_the_role_owns_nothing_and_bypasses_nothing(stack: Running) -> None:
    [row] = _psql(
        stack, "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'sluice_app'"
    )
    assert row == "f|f|f|f"
    assert _psql(stack, "SELECT count(*) FROM pg_class WHERE relowner = 'sluice_app'::regrole") == ["0"]


def _asked(stack: Running, query: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            str(programs() / "psql"),
            stack.line["postgres"],
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            f"SET ROLE sluice_app; {query}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _psql(stack: Running, query: str) -> list[str]:
    """The lines that the app's role gets."""
    done = _asked(stack, query)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _refusal(stack: Running, query: str) -> str:
    """Why it gets none."""
    done = _asked(stack, query)
    assert done.returncode != 0, done.stdout
    return done.stderr
