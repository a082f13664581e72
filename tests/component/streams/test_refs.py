"""Look-ups of receipts on the real PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import psycopg
import pytest
from psycopg import DataError
from psycopg.types.json import Jsonb

from infra.postgres.faults import is_data_fault
from infra.postgres.pool import Pool, execute, fetch_all, look_up, open_pool
from infra.postgres.sql import load_sql
from schemas.values.carrier_ids import ref_key
from schemas.values.status import Status, sequence
from streams.adapters.postgres_refs import PostgresRefs
from streams.ports import PortDown, SegmentReceipt
from tests.support.stored_refs import parked, receipt, store_chunk, store_fresh_ref, store_ref
from tests.support.streams.fakes import CAMPAIGN, CHUNK, NOW, SEALER, TENANT

pytestmark = pytest.mark.stack

ALL_PARKED = {"lately": -1, "shares": 1, "share": 0}


StoreRef = Callable[..., None]
STORES: list[tuple[StoreRef, StoreRef]] = [
    (store_ref, store_ref),
    (store_ref, store_fresh_ref),
    (store_fresh_ref, store_fresh_ref),
]
"""How the older and the newer references of a test are stored: as rows, in pages."""


def store_ref_of_an_earlier_version(url: str, id_: str, position: int, *, to_hash: int = -77, at: int = NOW) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO carrier_refs VALUES ('acme', %s, %s, %s, 2, %s, %s, 3, %s)",
            (id_, TENANT, CHUNK, position, to_hash, at),
        )


def store_uncertain(url: str, position: int, *, send: int = 1) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO uncertain_positions VALUES (%s, 'acme', -77, %s, %s, %s, 1)", (TENANT, CHUNK, send, position)
        )


def store_states(url: str, *sequences: int) -> None:
    empty = [0] * len(sequences)
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO chunks VALUES (%s, %s, %s, 4, 3, 'marketing', %s, %s, %s, %s, %s, 500, '{}', 1)",
            (TENANT, CHUNK, CAMPAIGN, list(sequences), empty, empty, empty, [1] * len(sequences)),
        )


async def sent_again(pool: Pool) -> int:
    async with look_up(pool) as connection:
        return len(await fetch_all(connection, load_sql("connectors.releaser", "parked_found"), ALL_PARKED))


def store_reservation(url: str, round_: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO reservations (tenant, chunk, round, price, positions, segments, amount, at) VALUES"
            " (%s, %s, %s, 500, %s, %s, 1, 1)",
            (TENANT, CHUNK, round_, b"\x07", b"\1\2\3"),
        )


async def test_what_an_earlier_version_wrote_is_found_too(pool: Pool, database: str) -> None:
    store_chunk(database)
    store_ref_of_an_earlier_version(database, "1f", 0, at=NOW - 5)
    store_ref_of_an_earlier_version(database, "1f", 1)
    [found] = await PostgresRefs(pool, SEALER).lookup([receipt("1f")], NOW)
    assert found is not None and found.position == 1
    store_ref(database, "1f", 2)
    [found] = await PostgresRefs(pool, SEALER).lookup([receipt("1f")], NOW)
    assert found is not None and found.position == 2


@pytest.mark.parametrize("id_", ["1f", "31"])
@pytest.mark.parametrize("stores", STORES)
async def test_by_id_and_destination_the_newest_first(
    pool: Pool, database: str, stores: tuple[StoreRef, StoreRef], id_: str
) -> None:
    older, newer = stores
    store_chunk(database, ["a", None, "c"])
    store_reservation(database, 1)
    older(database, id_, 0)
    newer(database, id_, 2)
    newer(database, id_, 1, to_hash=5)
    [found] = await PostgresRefs(pool, SEALER).lookup([receipt("zz", id_)], NOW)
    assert found is not None
    assert (found.position, found.send, found.index, found.part, found.ref, found.segments, found.price) == (
        2,
        2,
        12,
        4,
        "c",
        3,
        500,
    )
    assert (found.attempts, found.charge_round, found.campaign, found.size) == (1, None, CAMPAIGN, 3)
    assert found.accepted_at == 1
    assert parked(database) == []


def store_carrier(url: str, msg_id_type: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition, settings)"
            " VALUES ('acme', 1, 'smpp', 1, 1, 2, 60, 0, %s)",
            (Jsonb({"msg_id_type": msg_id_type}),),
        )


@pytest.mark.parametrize("store", [store_ref, store_fresh_ref])
@pytest.mark.parametrize(("msg_id_type", "position"), [("same", 1), ("hex-dec", 1), ("auto", None)])
async def test_where_ids_have_one_form_the_destination_need_not_agree(
    pool: Pool, database: str, msg_id_type: str, position: int | None, store: StoreRef
) -> None:
    store_carrier(database, msg_id_type)
    store_chunk(database)
    store(database, "1f", 1, to_hash=5)
    refs = PostgresRefs(pool, SEALER)
    [found] = await refs.lookup([receipt("1f", to_hash=bytes(8))], NOW)
    assert (found.position if found else None) == position
    async with look_up(pool) as connection:
        await execute(
            connection,
            load_sql("streams.adapters", "refs_park"),
            (["acme"], ["1f"], [ref_key("1f")], [0], ["DELIVRD"], ["000"], [NOW], [""], [NOW]),
        )
        again = await fetch_all(connection, load_sql("connectors.releaser", "parked_found"), ALL_PARKED)
        assert len(again) == (position is not None and store is store_ref), "pages are not asked once a receipt is parked"


@pytest.mark.parametrize("stores", STORES)
async def test_a_destination_that_agrees_comes_first(pool: Pool, database: str, stores: tuple[StoreRef, StoreRef]) -> None:
    older, newer = stores
    store_carrier(database, "same")
    store_chunk(database)
    older(database, "1f", 2)
    newer(database, "1f", 1, to_hash=5)
    [found] = await PostgresRefs(pool, SEALER).lookup([receipt("0", "1f")], NOW)
    assert found is not None and (found.position, found.id) == (2, "1f"), "by the form that was known"


async def test_one_uncertain_message_is_found_by_its_destination(pool: Pool, database: str) -> None:
    store_chunk(database)
    store_reservation(database, 0)
    store_uncertain(database, 1)
    refs = PostgresRefs(pool, SEALER)
    [found] = await refs.lookup([receipt("new")], NOW)
    assert found is not None
    assert (found.position, found.send, found.segments, found.charge_round, found.ref) == (1, 1, 2, 0, None)
    store_uncertain(database, 2)
    assert await refs.lookup([receipt("new")], NOW) == [None]
    assert parked(database) == [("new", -77, "DELIVRD")]


@pytest.mark.parametrize("settled", [Status.DELIVERED, Status.READ, Status.UNDELIVERED])
async def test_one_that_a_receipt_has_settled_does_not_stand_before_the_next_to_the_same_number(
    pool: Pool, database: str, settled: Status
) -> None:
    store_chunk(database)
    for position in (0, 1):
        store_uncertain(database, position)
    refs = PostgresRefs(pool, SEALER)
    assert await refs.lookup([receipt("new")], NOW) == [None]
    assert await sent_again(pool) == 0
    store_states(database, sequence(1, settled), sequence(1, Status.UNCERTAIN), sequence(0, Status.QUEUED))
    assert await sent_again(pool) == 1
    [found] = await refs.lookup([receipt("new")], NOW)
    assert found is not None and found.position == 1


async def test_a_settled_one_does_not_swallow_the_receipt_of_a_message_not_yet_known_as_uncertain(
    pool: Pool, database: str
) -> None:
    store_chunk(database)
    store_uncertain(database, 0)
    store_states(database, sequence(1, Status.DELIVERED), sequence(1, Status.SENDING), 0)
    refs = PostgresRefs(pool, SEALER)
    assert await refs.lookup([receipt("new")], NOW) == [None]
    store_uncertain(database, 1)
    assert await sent_again(pool) == 1
    [found] = await refs.lookup([receipt("new")], NOW)
    assert found is not None and found.position == 1


async def test_one_message_uncertain_in_two_sends_is_one_message(pool: Pool, database: str) -> None:
    store_chunk(database)
    store_uncertain(database, 1)
    store_uncertain(database, 1, send=2)
    [found] = await PostgresRefs(pool, SEALER).lookup([receipt("new")], NOW)
    assert found is not None and (found.position, found.send) == (1, 2)


async def test_a_receipt_that_came_before_a_message_was_accepted_is_not_its_receipt(pool: Pool, database: str) -> None:
    store_chunk(database)
    refs = PostgresRefs(pool, SEALER)
    assert await refs.lookup([receipt("old")], 0) == [None]
    store_uncertain(database, 1)
    assert await sent_again(pool) == 0
    assert await refs.lookup([receipt("another")], 2) != [None]


async def test_nobody_knows_it_or_its_payload_is_not_there_yet(pool: Pool, database: str) -> None:
    store_ref(database, "1f", 0)
    refs = PostgresRefs(pool, SEALER)
    for _ in range(2):
        assert await refs.lookup([receipt("1f"), receipt("2a", "42")], NOW) == [None, None]
    assert [row[0] for row in parked(database)] == ["1f", "2a", "42"]


async def test_segments_add_up_over_calls(pool: Pool) -> None:
    refs = PostgresRefs(pool, SEALER)

    def segment(id_: str, state: str, position: int = 0) -> SegmentReceipt:
        return SegmentReceipt(tenant=TENANT, chunk=CHUNK, send=1, position=position, id=id_, state=state)

    assert await refs.record_segments([segment("a", "DELIVRD"), segment("a", "DELIVRD")]) == [["DELIVRD"]] * 2
    assert await refs.record_segments([segment("b", "UNDELIV"), segment("z", "DELIVRD", 1)]) == [
        ["DELIVRD", "UNDELIV"],
        ["DELIVRD"],
    ]


async def test_without_postgresql_the_port_says_so() -> None:
    away = await open_pool("postgresql://127.0.0.1:1/none", size=1, wait_seconds=0.3)
    try:
        with pytest.raises(PortDown):
            await PostgresRefs(away, SEALER).lookup([receipt("a")], NOW)
    finally:
        await away.close()


async def test_look_ups_go_by_index_though_nobody_has_counted_the_rows(pool: Pool, database: str) -> None:
    """A table that has just filled has no statistics, and a campaign's first receipts are looked up then."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO ref_blocks (tenant, chunk, send, carrier, at) SELECT %s, 'c' || n, 1, 'acme', 1"
            " FROM generate_series(1, 2000) AS n",
            (TENANT,),
        )
        connection.execute(
            "INSERT INTO message_refs SELECT n, -n, n / 150, mod(n, 150), 1 FROM generate_series(1, 300000) AS n"
        )
        [[counted]] = connection.execute(
            "SELECT max(reltuples) FROM pg_class WHERE relname IN ('message_refs', 'ref_blocks')"
        )
    async with look_up(pool) as connection_:
        plan = await fetch_all(
            connection_,
            "EXPLAIN " + load_sql("streams.adapters", "refs_by_id"),
            ([1, 2], ["acme", "acme"], ["25", "26"], [25, 26], [-25, -26]),
        )
    lines = [line for [line] in plan]
    assert counted == -1, "the test is about tables without statistics"
    assert any("message_refs_key" in line for line in lines)
    assert any("ref_blocks_number" in line for line in lines)
    assert not any("Seq Scan" in line or "Hash Join" in line for line in lines), lines


async def test_an_id_that_no_index_takes_is_its_own_fault_and_no_outage(pool: Pool) -> None:
    refs = PostgresRefs(pool, SEALER)
    for odd in (secrets.token_urlsafe(20_000), "a\0b"):
        with pytest.raises(DataError) as caught:
            await refs.lookup([receipt(odd)], NOW)
        assert is_data_fault(caught.value)
        with pytest.raises(DataError):
            await refs.record_segments(
                [SegmentReceipt(tenant=TENANT, chunk=CHUNK, send=1, position=0, id=odd, state="DELIVRD")]
            )
    assert await refs.lookup([receipt("known to nobody")], NOW) == [None]
