"""The whole product in front of an SMSC that others wrote: 10,000 messages, each taken once, each delivered.

The SMSC throttles every 50th submit, answers with ids in hex and reports them in decimal, in four forms, every receipt
twice, some before the answer. What it noted itself is compared number by number with what was accepted.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.ledger import receipt_faults, recipients
from tests.support.npm import installed
from tests.support.running import Running, campaign_when, running_stack
from tests.support.topic_reader import read_topic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EACH = 5_000
PATIENCE_SECONDS = 180
CARRIER = """
[[carriers]]
id = "{name}"
kind = "smpp"
rate = 2000
window = 100
[carriers.smpp]
host = "127.0.0.1"
port = {port}
system_id = "{name}"
password = "secret"
msg_id_type = "{form}"

[[routes]]
prefix = "{prefix}"
carriers = ["{name}"]
price = "0.0100"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSmsc:
    """The Node process, its port, the file of what it accepted."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def counters(self) -> dict[str, int]:
        """What it has counted so far."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))

    def accepted(self, system_id: str) -> Counter[str]:
        """How often it accepted a message to each number."""
        rows = [line.split(",") for line in self.log.read_text().splitlines()]
        return Counter(f"+{destination}" for bound, destination, _ in rows if bound == system_id)


@contextmanager
def foreign_smsc(folder: Path) -> Iterator[ForeignSmsc]:
    """Listening inside the block; it ends with our end of its stdin."""
    log = folder / "smsc.log"
    command = ["node", str(Path(__file__).with_name("smsc.js")), str(installed("npm-smpp", "smpp@0.5.1")), str(log)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield ForeignSmsc(process=process, port=json.loads(process.stdout.readline())["port"], log=log)
        finally:
            process.stdin.close()
            process.wait(30)


@pytest.fixture(scope="module")
def smsc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignSmsc]:
    with foreign_smsc(tmp_path_factory.mktemp("smsc")) as one:
        yield one


@pytest.fixture(scope="module")
def stack(smsc: ForeignSmsc) -> Iterator[Running]:
    more = "".join(
        CARRIER.format(name=name, port=smsc.port, form=form, prefix=prefix)
        for name, form, prefix in (("declared", "hex-dec", "+49151"), ("guessed", "auto", "+447400"))
    )
    with running_stack(more=more) as running:
        yield running


def test_ten_thousand_messages_each_once(stack: Running, smsc: ForeignSmsc) -> None:
    numbers = {"declared": stack.german(EACH), "guessed": stack.british(EACH)}
    campaigns = {
        name: stack.api.post(
            "/v1/campaigns", {"name": name, "from": "Shop", "body": "Grüße {{who}}", "recipients": recipients(to, who="Ann")}
        ).id
        for name, to in numbers.items()
    }

    done = {
        name: campaign_when(
            stack.api,
            campaign,
            lambda seen: (seen["counts"]["delivered"], seen["price"]) == (EACH, "50.0000"),
            PATIENCE_SECONDS,
        )
        for name, campaign in campaigns.items()
    }

    for name, to in numbers.items():
        assert smsc.accepted(name) == Counter(to)
        assert done[name]["counts"] == dict.fromkeys(done[name]["counts"], 0) | {"accepted": EACH, "delivered": EACH}
    counted = smsc.counters()
    assert counted["accepted"] == 2 * EACH
    assert counted["throttled"] == counted["submits"] // 50 >= 200
    assert (counted["refused"], counted["errors"]) == (0, 0)
    _each_has_one_public_receipt(stack, campaigns)


def _each_has_one_public_receipt(stack: Running, campaigns: dict[str, str]) -> None:
    records = read_topic(stack.line["kafka"], "delivery-receipts")
    for campaign in campaigns.values():
        rows: list[dict[str, Any]] = stack.api.messages(campaign)
        assert len(rows) == EACH
        assert receipt_faults(records, rows) == []


def test_everything_adds_up(stack: Running, smsc: ForeignSmsc) -> None:
    found = stack.verify()
    assert (found["ok"], found["violations"]) == (True, [])
    assert found["accepted"] == found["states"]["delivered"] == 2 * EACH
    counted = smsc.counters()
    assert counted["confirmed"] == counted["receipts"] >= 4 * EACH
    assert stack.cli("dlq", "list") == []
