"""kill -9 at any instant, also in the middle of a transaction: nothing is lost, nothing is written twice.

In: a few thousand records and a process that is killed again and again while it writes them. Out: every message counted
once, offsets at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import psycopg
import pytest

from infra.services.stack import Stack
from tests.support.database import fresh_database
from tests.support.log_records import change, events
from tests.support.running_sinks import ask, make_topic, put
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[3]
CHUNKS = 500
ROUND = 250
KILLS = 3
RECORDS = 2 * ROUND * KILLS
WORK = """
import sys
from connectors.sinks.message_events import MessageEventsSink
from connectors.sinks.runner import SinkRunner
kafka, postgres, topic = sys.argv[1:]
sink = MessageEventsSink()
sink.reads, sink.batch_records, sink.linger_seconds = (topic,), 20, 0.0
SinkRunner(sink, cluster=kafka, postgres_url=postgres, instance="killed", group=topic).run()
"""
"""In small batches: before each kill some are committed, one is half written, and many still wait."""
NEXT = "SELECT coalesce(sum(next), 0)::int FROM sink_offsets"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def start(kafka: str, postgres: str, topic: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORK, kafka, postgres, topic], cwd=ROOT, stdout=subprocess.DEVNULL)


def kill(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)


def feed(kafka: str, topic: str, numbers: Iterator[int]) -> None:
    """The records of the next numbers, half of them in each partition; a chunk is spoken of several times."""
    for partition in (0, 1):
        put(
            kafka,
            topic,
            [
                events(change("sent"), chunk=f"chk_{number % CHUNKS}", at=1_700_000_000_000 + number)
                for number in islice(numbers, ROUND // 2)
            ],
            partition,
        )


def test_killed_in_mid_transaction_loses_nothing_and_counts_nothing_twice(services: Stack) -> None:
    topic, numbers = make_topic(services.kafka), iter(range(RECORDS))
    with fresh_database(services.postgres) as url:
        for _ in range(KILLS):
            feed(services.kafka, topic, numbers)
            before = ask(url, NEXT)[0][0]
            process = start(services.kafka, url, topic)
            try:
                with psycopg.connect(url) as lock:
                    wait_for(lambda before=before: ask(url, NEXT)[0][0] > before, 60)  # type: ignore[misc]
                    # The next batch stops at its upsert, with its offsets moved and its rows half written.
                    lock.execute("LOCK TABLE campaign_counts IN SHARE ROW EXCLUSIVE MODE")
                    feed(services.kafka, topic, numbers)  # what was there may all have been written before the lock
                    wait_for(lambda: ask(url, WAITING)[0][0] > 0, 60)
                    kill(process)
            finally:
                if process.poll() is None:
                    kill(process)
            assert ask(url, NEXT)[0][0] < RECORDS, "killed when all was done"
        process = start(services.kafka, url, topic)
        try:
            wait_for(lambda: ask(url, NEXT)[0][0] == RECORDS, 60)
        finally:
            kill(process)
        assert ask(url, "SELECT count(*), sum(cardinality(sequences)) FROM chunks") == [(CHUNKS, 10 * CHUNKS)]
        assert ask(
            url, "SELECT sum(counts[10])::int, sum((SELECT sum(c) FROM unnest(counts) c))::int FROM campaign_counts"
        ) == [(10 * CHUNKS, 10 * CHUNKS)]
