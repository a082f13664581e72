"""kill -9 of a releaser in the middle: every overdue message gets its reason all the same, and is counted once.

In: chunks that rest in `sent`, a sink at work, a process that is killed again and again while it tells of them. Out: every
message `sent` with `no_receipt`, nothing awaited, counts as before.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.sinks.message_events import MessageEventsSink
from infra.services.stack import Stack
from tests.support.log_records import NOW, SIZE, change, events
from tests.support.releaser_rows import EVENTS, apply_records, events_of, rows
from tests.support.running_sinks import running_sink
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[3]
CHUNKS = 300
KILLS = 3
TURNS = 80
"""Whoever is killed tells of at most so many chunks, so that all of them together cannot have done all of it."""
WORK = """
import asyncio, sys
from connectors.releaser import overdue
from connectors.releaser.leases import RowLeases
from infra.kafka.outbox import Outbox
from infra.postgres.pool import open_pool
kafka, postgres, now, turns = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
overdue.BATCH_CHUNKS = 1
async def work():
    leases, outbox = RowLeases(await open_pool(postgres)), Outbox(kafka, "killed")
    for _ in range(turns):
        if not await overdue.mark_overdue(leases, outbox, lambda: now):
            await asyncio.sleep(0.01)
    await asyncio.Event().wait()
asyncio.run(work())
"""
AWAITED = "SELECT count(*)::int FROM awaited_receipts WHERE chunk LIKE %s"
FREE = "SELECT count(*)::int FROM awaited_receipts WHERE lease_until = 0 AND chunk LIKE %s"
NOTED = "SELECT count(*)::int FROM chunks, unnest(reasons) r WHERE r = 104 AND chunk LIKE %s"


def start(kafka: str, postgres: str, now: int, turns: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORK, kafka, postgres, str(now), str(turns)], cwd=ROOT)


def kill(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)


def test_killed_in_mid_work_loses_nobody_and_counts_nobody_twice(services: Stack, database: str) -> None:
    root = f"chk_{secrets.token_hex(8)}"
    names = [f"{root}_{n}" for n in range(CHUNKS)]
    apply_records(database, *(events(change("sent", carrier="acme"), chunk=name) for name in names))
    sink = MessageEventsSink()
    sink.reads = (EVENTS,)

    def count(statement: str) -> int:
        return int(rows(database, statement, f"{root}%")[0][0])

    with running_sink(sink, services.kafka, database):
        now = NOW + 120_000
        for _ in range(KILLS):
            before = count(FREE)
            process = start(services.kafka, database, now, TURNS)
            try:
                wait_for(lambda before=before: count(FREE) < before - 3, 60)  # type: ignore[misc]
            finally:
                kill(process)
            now += 31_000
        assert count(FREE) > 0, "killed when all was done"
        process = start(services.kafka, database, now, 1_000_000)
        try:
            wait_for(lambda: count(NOTED) == CHUNKS * SIZE, 60)
        finally:
            kill(process)
        wait_for(lambda: count(AWAITED) == 0)
    assert {record.chunk for record in events_of(services.kafka, *names)} == set(names)
    assert rows(database, "SELECT DISTINCT s FROM chunks, unnest(sequences) s WHERE chunk LIKE %s", f"{root}%") == [(25,)]
