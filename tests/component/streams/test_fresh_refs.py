"""What carriers' ids stand for that were given a moment ago, on the real PostgreSQL: pages come, go, are too many."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from connectors.sinks.attempts import AttemptsSink
from infra.postgres.pool import Pool, look_up
from schemas.values.carrier_ids import ref_key
from streams.adapters.fresh_refs import FreshRefs, Look
from streams.adapters.message_ref import AskedId
from streams.adapters.postgres_refs import PostgresRefs
from tests.support.log_records import settled, started
from tests.support.ref_pages import a_page, store_page
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.stored_refs import parked, receipt, store_chunk, store_fresh_ref, store_ref
from tests.support.streams.fakes import CHUNK, NOW, SEALER, TENANT
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

LOCKED = "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def ask(id_: str, *, carrier: str = "acme", to_hash: int = -77) -> AskedId:
    return AskedId(0, carrier, id_, ref_key(id_), to_hash)


async def look(fresh: FreshRefs, pool: Pool, *asked: AskedId) -> Look:
    async with look_up(pool) as connection:
        return await fresh.look(connection, asked)


def places(found: Look) -> list[tuple[int, bool]]:
    return sorted((one.ref.position, one.agrees) for one in found.candidates)


async def test_pages_are_seen_as_they_come_and_go(pool: Pool, database: str) -> None:
    fresh = FreshRefs()
    assert await look(fresh, pool, ask("5")) == Look([], anything_new=False, complete=True)
    first = store_page(database, TENANT, CHUNK, a_page(["5", "msg-6", "5"], [0, 1, 2]))
    store_page(database, TENANT, CHUNK, a_page(["5"], [4], to_hash=8))
    store_page(database, TENANT, CHUNK, a_page(["5"], [7]), carrier="other")
    found = await look(fresh, pool, ask("5"))
    assert places(found) == [(0, True), (2, True), (4, False)]
    assert (found.anything_new, found.complete) == (True, True)
    again = await look(fresh, pool, ask("msg-6"))
    assert (places(again), again.anything_new) == ([(1, True)], False)
    execute(database, "DELETE FROM ref_pages WHERE number = %s", first)
    assert places(await look(fresh, pool, ask("5"))) == [(4, False)]


async def test_nothing_is_kept_while_nobody_asks(pool: Pool, database: str) -> None:
    fresh = FreshRefs(idle_seconds=0)
    store_page(database, TENANT, CHUNK, a_page(["5"], [0]))
    for _ in range(2):
        found = await look(fresh, pool, ask("5"))
        assert (places(found), found.anything_new) == ([(0, True)], True)
        await asyncio.sleep(0)


async def test_of_more_than_memory_may_hold_the_newest_are_known(pool: Pool, database: str) -> None:
    fresh = FreshRefs(most_ids=3)
    for position, id_ in enumerate("5678"):
        store_page(database, TENANT, CHUNK, a_page([id_], [position]))
        found = await look(fresh, pool, *map(ask, "5678"))
        assert (len(found.candidates), found.complete) == (min(position + 1, 3), position < 3)
    assert places(found) == [(1, True), (2, True), (3, True)]


async def test_while_not_all_are_known_no_receipt_is_given_to_an_uncertain_message(pool: Pool, database: str) -> None:
    store_chunk(database)
    execute(database, "INSERT INTO uncertain_positions VALUES (%s, 'acme', -77, %s, 1, 1, 1)", TENANT, CHUNK)
    for id_ in "56":
        store_fresh_ref(database, id_, 0)
    refs = PostgresRefs(pool, SEALER, FreshRefs(most_ids=2))
    assert await refs.lookup([receipt("5")], NOW) == [None], "of which the page with 5 may tell that it is another message's"
    assert [row[0] for row in parked(database)] == ["5"]
    execute(database, "DELETE FROM ref_pages")
    [found] = await refs.lookup([receipt("7")], NOW)
    assert found is not None and found.position == 1


async def test_a_page_that_becomes_rows_while_it_is_asked_for_is_found_once_or_twice(pool: Pool, database: str) -> None:
    store_chunk(database)
    number = store_page(database, TENANT, CHUNK, a_page(["5"], [1]))
    refs = PostgresRefs(pool, SEALER)
    for _ in range(2):
        [found] = await refs.lookup([receipt("5")], NOW)
        assert found is not None and found.position == 1
        store_ref(database, "5", 1)
        execute(database, "DELETE FROM ref_pages WHERE number = %s", number)
    assert parked(database) == []


async def test_whose_payload_is_not_stored_yet_gets_rows_at_once(pool: Pool, database: str) -> None:
    store_fresh_ref(database, "5", 1)
    store_page(database, TENANT, "chk_other", a_page(["8"], [1]))
    assert await PostgresRefs(pool, SEALER).lookup([receipt("5")], NOW) == [None]
    assert [row[0] for row in parked(database)] == ["5"]
    assert rows(database, "SELECT chunk FROM ref_pages WHERE due_at = 0") == [(CHUNK,)]


async def test_a_page_of_which_a_receipt_is_parked_gets_rows_at_once(pool: Pool, database: str) -> None:
    assert await PostgresRefs(pool, SEALER).lookup([receipt("5")], NOW) == [None]
    for chunk, ids in (("chk_a", "5\n6"), ("chk_b", "7\n8")):
        records = started(0b11, chunk=chunk), settled({"sent": 0b11}, ids=ids, chunk=chunk)
        apply_records(database, *records, sink=AttemptsSink(60))
    assert rows(database, "SELECT chunk FROM ref_pages WHERE due_at = 0") == [("chk_a",)]


@pytest.mark.parametrize("first", ["sink", "receipt"])
async def test_of_a_page_and_a_receipt_at_the_same_moment_one_sees_the_other(pool: Pool, database: str, first: str) -> None:
    """Both stand before the lock when it is given to one of them; the other then sees what that one wrote."""
    store_chunk(database)
    records = started(0b1, chunk=CHUNK, tenant=TENANT), settled({"sent": 0b1}, ids="5", chunk=CHUNK, tenant=TENANT)

    def write() -> None:
        apply_records(database, *records, sink=AttemptsSink(60))

    async def ask_for_it() -> None:
        await PostgresRefs(pool, SEALER).lookup([receipt("5", to_hash=(1000).to_bytes(8, "little"))], NOW)

    def waiting(count: int) -> None:
        wait_for(lambda: rows(database, LOCKED) == [(count,)], 20)

    with psycopg.connect(database) as busy, ThreadPoolExecutor(1) as threads:
        busy.execute("SELECT pg_advisory_xact_lock(hashtext('ref_pages'))")
        if first == "sink":
            written = threads.submit(write)
            await asyncio.to_thread(waiting, 1)
            asked = asyncio.create_task(ask_for_it())
            await asyncio.to_thread(waiting, 2)
        else:
            asked = asyncio.create_task(ask_for_it())
            await asyncio.to_thread(waiting, 1)
            written = threads.submit(write)
            await asyncio.to_thread(waiting, 2)
        busy.rollback()
        await asked
        await asyncio.wrap_future(written)
    found_by_receipt = parked(database) == []
    due_at_once = rows(database, "SELECT count(*)::int FROM ref_pages WHERE due_at = 0") == [(1,)]
    assert (found_by_receipt, due_at_once) == ((True, False) if first == "sink" else (False, True))
