"""kill -9 at any instant, also in the middle of a transaction: nothing is lost, nothing is written twice.

In: a few thousand records and a process that is killed again and again while it writes them. Out: every message counted
once, offsets at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from infra.services.stack import Stack
from tests.integration.sinks.crew import ask, make_topic, put
from tests.support.database import fresh_database
from tests.support.log_records import change, events
from tests.support.stack import wait_for

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[3]
RECORDS = 3000
KILLS = 3
WORK = """
import sys
from connectors.sinks.message_events import MessageEventsSink
from connectors.sinks.runner import SinkRunner
kafka, postgres, topic = sys.argv[1:]
sink = MessageEventsSink()
sink.reads, sink.batch_records, sink.linger_seconds = (topic,), 20, 0.0
SinkRunner(sink, bootstrap=kafka, postgres_url=postgres, instance="killed", group=topic).run()
"""
NEXT = "SELECT coalesce(sum(next), 0)::int FROM koff"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def start(kafka: str, postgres: str, topic: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORK, kafka, postgres, topic], cwd=ROOT, stdout=subprocess.DEVNULL)


def kill(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)


def test_killed_in_mid_transaction_loses_nothing_and_counts_nothing_twice(services: Stack) -> None:
    topic = make_topic(services.kafka)
    for partition in (0, 1):
        put(services.kafka, topic, [events(change("sent"), chunk=f"chk_{partition}_{i % 500}", at=1_700_000_000_000 + i)
                                    for i in range(RECORDS // 2)], partition)
    with fresh_database(services.postgres) as url:
        in_the_middle = 0
        for _ in range(KILLS):
            before = ask(url, NEXT)[0][0]
            process = start(services.kafka, url, topic)
            try:
                with psycopg.connect(url) as lock:
                    wait_for(lambda before=before: ask(url, NEXT)[0][0] > before, 30)  # type: ignore[misc]
                    # The next batch stops at its upsert, with its offsets moved and its rows half written.
                    lock.execute("LOCK TABLE campaign_counts IN SHARE ROW EXCLUSIVE MODE")
                    wait_for(lambda: ask(url, WAITING)[0][0] > 0 or ask(url, NEXT)[0][0] == RECORDS, 30)
                    in_the_middle += ask(url, NEXT)[0][0] < RECORDS
                    kill(process)
            finally:
                if process.poll() is None:
                    kill(process)
            if ask(url, NEXT)[0][0] == RECORDS:
                break
        assert in_the_middle, "killed when all was done"
        process = start(services.kafka, url, topic)
        try:
            wait_for(lambda: ask(url, NEXT)[0][0] == RECORDS, 30)
        finally:
            kill(process)
        assert ask(url, "SELECT count(*), sum(cardinality(sequences)) FROM chunks") == [(1000, 10_000)]
        assert ask(url, "SELECT sum(counts[10])::int, sum((SELECT sum(c) FROM unnest(counts) c))::int "
                        "FROM campaign_counts") == [(10_000, 10_000)]
