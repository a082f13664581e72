"""What Kafka's client says: in our log, a broken connection once in ten seconds, all else as it comes; nothing on stderr."""

from __future__ import annotations

import gc
import json
import logging
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.kafka import client, client_log
from infra.kafka.client_log import ClientLog
from infra.telemetry import repeats
from tests.support.waiting import wait_for

ERROR, WARNING, INFO = logging.ERROR, logging.WARNING, logging.INFO
Said = Callable[[], list[tuple[str, int]]]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Said:
    """The words of every line, and how many were left out before it."""

    def lines() -> list[tuple[str, int]]:
        records = [record for record in caplog.records if record.name == "kafka_client"]
        return [(record.getMessage(), getattr(record, "fields", {}).get("left_out", 0)) for record in records]

    return lines


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that refuses: its port is taken and not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """All that clients say, also what is left out."""
    seen: list[tuple[Any, ...]] = []

    class Counted(ClientLog):
        def log(self, level: int, _form: str, facility: str, client: str, words: str) -> None:
            seen.append((level, facility, client, words))
            super().log(level, _form, facility, client, words)

    monkeypatch.setattr(client, "ClientLog", Counted)
    return seen


def test_a_broken_connection_is_told_once_in_ten_seconds_with_what_was_left_out(said: Said) -> None:
    now = 100.0
    log = ClientLog(lambda: now)
    for broker in ("a", "b", "a", "c"):
        log.log(ERROR, "%s [%s] %s", "FAIL", "me#consumer-1", f"{broker}: refused")
    log.log(ERROR, "%s [%s] %s", "ERROR", "me#consumer-1", "all brokers are down")
    now = 109.9
    log.log(ERROR, "%s [%s] %s", "FAIL", "me#consumer-1", "d: refused")
    assert said() == [("a: refused", 0), ("all brokers are down", 0)]
    now = 110.0
    log.log(ERROR, "%s [%s] %s", "FAIL", "me#consumer-1", "e: refused")
    assert said()[2:] == [("e: refused", 4)]


def test_clients_do_not_silence_each_other(said: Said) -> None:
    for one in (ClientLog(), ClientLog()):
        one.log(ERROR, "%s [%s] %s", "FAIL", "me", "refused")
    assert said() == [("refused", 0)] * 2


def test_other_lines_all_come_but_for_repeats(said: Said, caplog: pytest.LogCaptureFixture) -> None:
    log = ClientLog(lambda: 0.0)
    log.log(WARNING, "%s [%s] %s", "MAXPOLL", "me", "interval exceeded by 5 ms")
    for partition in (0, 1, 1, 2):
        log.log(INFO, "%s [%s] %s", "OFFSET", "me", f"orders [{partition}]: offset reset, 100 % of it")
    assert [words for words, _ in said()] == [
        "interval exceeded by 5 ms",
        *(f"orders [{partition}]: offset reset, 100 % of it" for partition in (0, 1, 2)),
    ]
    assert [record.levelno for record in caplog.records] == [WARNING, INFO, INFO, INFO]


def test_what_was_said_long_ago_is_forgotten(said: Said) -> None:
    now = 0.0
    log = ClientLog(lambda: now)
    for now in range(0, 20_000, 10):
        log.log(WARNING, "%s [%s] %s", "OTHER", "me", f"at {now}")
    assert len(said()) == 2_000
    assert len(log._repeats._said) <= repeats._MOST_KINDS


def test_a_consumer_without_a_broker(nobody: str, calls: list[Any], said: Said, capfd: pytest.CaptureFixture[str]) -> None:
    consumer = client.make_consumer(nobody, "group")
    consumer.subscribe(["orders"])
    end = time.monotonic() + 2
    wait_for(lambda: consumer.poll(0.02) is not None or time.monotonic() > end)
    consumer.close()
    assert len(calls) > 20
    assert {facility for _, facility, _, _ in calls} <= {"FAIL", "ERROR"}
    assert 1 <= len(said()) <= 2
    assert "refused" in said()[0][0]
    assert capfd.readouterr().err == ""


def test_a_producer_that_nobody_polls_is_heard_and_let_go(
    nobody: str, calls: list[Any], said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_log, "LISTEN_SECONDS", 0.02)
    producer = client.make_producer(nobody, "lonely")
    wait_for(lambda: said())
    assert calls[0][2].startswith("lonely#")
    held = weakref.ref(producer)
    del producer
    gc.collect()
    wait_for(lambda: held() is None)
    assert "refused" in said()[0][0]


PROGRAM = """
import os, sys, time
from infra.kafka.client import make_consumer, make_producer
from infra.telemetry.logs import configure_logs
configure_logs("info", role="delay")
address, leave = sys.argv[1:]
producer, consumer = make_producer(address, "writer"), make_consumer(address, "reader")
unpolled, closed = make_consumer(address, "unpolled"), make_consumer(address, "closed")
for each in (consumer, unpolled, closed):
    each.subscribe(["orders"])
end = time.monotonic() + 1
while time.monotonic() < end:
    consumer.poll(0.1)
producer.produce("orders", b"value")
closed.close()
del unpolled
if leave == "at once":
    os._exit(7)
sys.exit(7)
"""


@pytest.mark.parametrize("leave", ["at once", "in order"])
def test_a_process_ends_with_lines_still_in_its_clients(nobody: str, leave: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, nobody, leave], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (7, "")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"reader#consumer-2", "closed#consumer-4"} <= {line["client"] for line in lines}
    assert len(lines) <= 8
    assert {(line["role"], line["action"], line["facility"], line["level"]) for line in lines} <= {
        ("delay", "kafka_client", facility, "error") for facility in ("FAIL", "ERROR")
    }
