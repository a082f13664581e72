"""The whole product where nobody tried it: an odd folder, another's environment, no home, a locale of C, IPv6.

In: one stack whose folder, working folder and environment hold whatever may disturb the programs in it. Out: messages
delivered, books that add up, commands and the example subscriber at work, the same after a restart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.services.jars import default_cache
from tests.support.ledger import recipients
from tests.support.running import REPOSITORY, Running, campaign_when, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NOWHERE = "http://127.0.0.1:9"
ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "TZ": "Asia/Kathmandu",
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), NOWHERE),
    "KAFKA_OPTS": "-Xbogus",
    "JAVA_TOOL_OPTIONS": "-Xbogus",
    "JDK_JAVA_OPTIONS": "-Xbogus",
    "CLASSPATH": "/nowhere",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGDATA": "/nowhere",
    "PGPASSWORD": "wrong",
    "PGUSER": "nobody",
    "PGSSLMODE": "require",
    "PGOPTIONS": "-c bogus=1",
    "PGSERVICE": "none",
    "PGCLIENTENCODING": "LATIN1",
}
FOLDER = "dä ta, %41 %s {logs} 'q\" $HOME back\\u0041\\ #!=漢" + "/" + "/".join(["x" * 200] * 4)
SETTINGS = """
[gateway]
host = "::1"
"""


@pytest.fixture(scope="module")
def odd_stack() -> Iterator[Running]:
    umask = os.umask(0o077)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICE_CACHE_DIR", os.environ.get("SLUICE_CACHE_DIR") or str(default_cache()))
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.delenv("NO_PROXY", raising=False)
        patch.delenv("no_proxy", raising=False)
        try:
            with running_stack(more=SETTINGS, below=FOLDER) as stack:
                yield stack
        finally:
            os.umask(umask)


def deliver(stack: Running) -> str:
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Größe", "from": "Shop", "body": "Grüße, 漢", "recipients": recipients(stack.german(3))}
    ).id
    campaign_when(stack.api, campaign, lambda state: state["counts"]["delivered"] == 3, 60)
    return campaign


def test_messages_are_delivered_and_commands_work(odd_stack: Running) -> None:
    campaign = deliver(odd_stack)

    assert odd_stack.line["gateway"].startswith("http://[::1]:")
    assert all(row["ok"] for row in odd_stack.cli("doctor"))
    assert odd_stack.cli("campaign", "show", campaign)["counts"]["delivered"] == 3
    assert "Gr" in odd_stack.run("campaign", "show", campaign, "-o", "table").stdout
    assert odd_stack.verify()["violations"] == []


def test_the_example_subscriber_prints_receipts(odd_stack: Running) -> None:
    deliver(odd_stack)
    program = REPOSITORY / "examples" / "subscriber" / "subscriber.py"
    done = subprocess.run(
        [
            sys.executable,
            str(program),
            "--kafka",
            odd_stack.line["kafka"],
            "--registry",
            f"{odd_stack.line['gateway']}/registry",
            "--max",
            "3",
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["delivered"] * 3


def test_it_starts_again_from_a_folder_with_packages_of_our_names_and_through_a_link(odd_stack: Running) -> None:
    odd_stack.stop()
    data = Path(odd_stack.line["data_dir"])
    data.rename(data.with_name("elsewhere"))
    data.symlink_to("elsewhere")
    for name in ("infra", "schemas", "redis"):
        (odd_stack.folder / f"{name}.py").write_text("raise RuntimeError('not the product')", encoding="utf-8")

    odd_stack.start_again()

    deliver(odd_stack)
    assert odd_stack.verify()["violations"] == []
