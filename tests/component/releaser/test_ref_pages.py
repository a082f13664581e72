"""Pages of references become rows once they are due, for what still waits for its receipt; a kill -9 loses none.

In: pages as sinks write them, chunks in every state. Out: `ref_blocks` and `message_refs`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.releaser.leases import RowLeases
from connectors.releaser.maintenance import do_maintenance, replay_parked
from connectors.releaser.ref_pages import place_refs
from connectors.sinks.attempts import AttemptsSink
from infra.kafka.outbox import Outbox
from schemas.records.wire import NO_TIME
from schemas.values.carrier_ids import ref_key
from tests.support.log_records import CHUNK, NOW, TENANT, change, events, settled, started
from tests.support.ref_pages import a_page, fresh_refs, store_page
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[3]
PLACED = (
    "SELECT m.key, m.to_hash, m.position, m.segments, b.tenant::text, b.chunk, b.send, b.carrier "
    "FROM message_refs m JOIN ref_blocks b ON b.number = m.block ORDER BY m.key"
)
PAGES, IDS, KILLS = 120, 20, 3
WORK = """
import asyncio, sys
from connectors.releaser import ref_pages
from connectors.releaser.leases import RowLeases
from infra.postgres.pool import open_pool
ref_pages.PAGES_AT_ONCE = 1
async def work():
    leases = RowLeases(await open_pool(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        async with leases.transaction() as connection:
            await ref_pages._place(connection, 1)
    async with leases.transaction() as connection:
        await ref_pages._place(connection, 1)
        await connection.execute("SELECT pg_advisory_lock(4711)")
        await asyncio.Event().wait()
asyncio.run(work())
"""
"""Places so many pages, then stands still with one more that is placed and not committed."""


def positions(url: str) -> list[int]:
    return [row[0] for row in rows(url, "SELECT position FROM message_refs ORDER BY position")]


async def test_what_is_not_due_stays(database: str, leases: RowLeases, outbox: Outbox) -> None:
    store_page(database, TENANT, CHUNK, a_page(["5"], [0]), due_at=NOW + 1)
    await do_maintenance(leases, outbox, lambda: NOW)
    assert (len(fresh_refs(database)), positions(database)) == (1, [])
    await do_maintenance(leases, outbox, lambda: NOW + 1)
    assert (len(fresh_refs(database)), positions(database)) == (0, [0])


async def test_what_is_delivered_gets_no_row_and_everything_else_does(
    database: str, leases: RowLeases, outbox: Outbox
) -> None:
    sent = everything = 0b11111
    apply_records(
        database,
        started(everything),
        settled({"sent": sent}, ids="11\n12\n13,14\n15\nmsg-16", segments=bytes([1, 1, 2, 1, 1])),
        sink=AttemptsSink(0),
    )
    apply_records(
        database,
        events(change("sent", sent)),
        events(change("delivered", 0b01000), change("undelivered", 0b00010, reason="carrier_undelivered")),
        events(change("queued", 0b00001, send=2)),
    )
    await place_refs(leases, outbox, lambda: 1 << 50)
    about = (TENANT, CHUNK, 1, "acme")
    assert rows(database, PLACED) == sorted(
        [
            (11, 1000, 0, 1, *about),
            (12, 1001, 1, 1, *about),
            (13, 1002, 2, 2, *about),
            (14, 1002, 2, 2, *about),
            (ref_key("msg-16"), 1004, 4, 1, *about),
        ]
    )
    assert fresh_refs(database) == []


async def test_a_chunk_of_which_all_is_delivered_leaves_nothing(database: str, leases: RowLeases, outbox: Outbox) -> None:
    apply_records(database, started(), settled({"sent": (1 << 10) - 1}), sink=AttemptsSink(0))
    apply_records(database, events(change("delivered")))
    await place_refs(leases, outbox, lambda: 1 << 50)
    assert rows(database, "SELECT number FROM ref_blocks UNION ALL SELECT block FROM message_refs") == []
    assert fresh_refs(database) == []


async def test_two_releasers_place_each_page_once(database: str, leases: RowLeases, outbox: Outbox) -> None:
    for n in range(450):
        store_page(database, TENANT, f"chk_{n}", a_page([str(n + 1)], [0]), due_at=n % 7)
    await asyncio.gather(*(place_refs(leases, outbox, lambda: 7) for _ in range(3)))
    assert [key for key, *_ in rows(database, PLACED)] == list(range(1, 451))
    assert fresh_refs(database) == []


async def test_a_later_block_of_an_id_used_again_has_the_larger_number(
    database: str, leases: RowLeases, outbox: Outbox
) -> None:
    """Also when the later page becomes rows first."""
    store_page(database, TENANT, "chk_old", a_page(["5"], [0]), due_at=9)
    store_page(database, TENANT, "chk_new", a_page(["5"], [0]), due_at=1)
    for now in (1, 9):
        await place_refs(leases, outbox, lambda now=now: now)  # type: ignore[misc]
    assert rows(database, "SELECT chunk FROM ref_blocks ORDER BY number DESC LIMIT 1") == [("chk_new",)]


async def test_a_receipt_parked_before_its_page_was_written_goes_back_within_two_turns(
    database: str, leases: RowLeases, outbox: Outbox
) -> None:
    execute(
        database,
        "INSERT INTO parked_receipts (carrier, id, key, to_hash, state, code, done_at, done_text, at) "
        "VALUES ('acme', '5', 5, 1000, 'DELIVRD', '000', %s, '', %s)",
        NO_TIME,
        NOW,
    )
    apply_records(database, started(0b1), settled({"sent": 0b1}, ids="5"), sink=AttemptsSink(3600))
    await place_refs(leases, outbox, lambda: NOW)
    await replay_parked(leases, outbox, lambda: NOW)
    assert rows(database, "SELECT id FROM parked_receipts") == []


def test_killed_in_mid_work_loses_none_and_places_none_twice(database: str) -> None:
    for n in range(PAGES):
        first = n * IDS + 1
        store_page(database, TENANT, f"chk_{n}", a_page(list(map(str, range(first, first + IDS))), range(IDS)), due_at=1)

    def known() -> list[int]:
        """Every id, by page or by row, as often as it is there."""
        return sorted([one.key for one in fresh_refs(database)] + [key for key, *_ in rows(database, PLACED)])

    for turn in range(1, KILLS + 1):
        process = subprocess.Popen([sys.executable, "-c", WORK, database, "10"], cwd=ROOT)
        try:
            wait_for(lambda: rows(database, "SELECT count(*)::int FROM pg_locks WHERE objid = 4711") == [(1,)], 60)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(30)
        wait_for(lambda: rows(database, "SELECT count(*)::int FROM pg_locks WHERE objid = 4711") == [(0,)], 60)
        assert len({chunk for _, _, _, _, _, chunk, *_ in rows(database, PLACED)}) == 10 * turn
        assert known() == list(range(1, PAGES * IDS + 1))
