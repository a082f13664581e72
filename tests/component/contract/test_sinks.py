"""What every sink promises: twice is once, late changes nothing, another tenant sees nothing, batches do not matter.

In: a story for each sink, told in the order of its topic. Out: the same rows however it is told. A sink without a story
fails here, so that a new one cannot go unproved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest

from connectors.sinks.contract import DecodedRecord, Sink
from connectors.sinks.registry import make_sinks
from infra.postgres.session import Session
from infra.services.stack import Stack
from schemas.records import topics
from schemas.values.lanes import Lane
from tests.support.database import add_tenant, contents, fresh_database
from tests.support.log_records import (
    NOW,
    OTHER,
    SEALER,
    TENANT,
    an_envelope,
    arrivals,
    change,
    events,
    held,
    released,
    settled,
    started,
    usage,
)
from tests.support.ref_pages import fresh_refs

pytestmark = pytest.mark.stack

HALF, REST = 0b0000011111, 0b1111100000
HIDDEN = {
    "ref_pages",
    "uncertain_positions",
    "dead_letters",
    "allowances",
    "awaited_receipts",
}
"""Tables that the app's role may not even read."""

STORIES: dict[str, Callable[[str], list[DecodedRecord]]] = {
    "ingest": lambda tenant: arrivals(
        [
            an_envelope(tenant=tenant),
            an_envelope(tenant=tenant, chunk="chk_x_0_1"),
        ],
        topics.ingest(Lane.MARKETING),
        headers=[("x-from", b"gateway")],
    ),
    "message-events": lambda tenant: arrivals(
        [
            events(change("queued", carrier="acme", price=700, segments=bytes([2]) * 10), tenant=tenant),
            events(change("sending"), tenant=tenant),
            events(change("sent", HALF), change("failed", REST, reason="carrier_permanent", code="0x45"), tenant=tenant),
            events(change("queued", REST, send=2), tenant=tenant),
            events(change("delivered", HALF), tenant=tenant),
            events(change("sent", carrier="acme"), tenant=tenant, chunk="chk_x_0_1"),
            events(change("sent", REST, reason="no_receipt"), tenant=tenant, chunk="chk_x_0_1", at=NOW + 60_000),
        ],
        topics.events(Lane.MARKETING),
    ),
    "attempts": lambda tenant: arrivals(
        [
            started(HALF, tenant=tenant),
            started(REST, tenant=tenant),
            settled({"sent": HALF}, tenant=tenant),
            settled({"uncertain": REST}, tenant=tenant),
            settled({"sent": 0b0000100000}, tenant=tenant),
        ],
        topics.attempts(Lane.MARKETING),
    ),
    "held": lambda tenant: arrivals(
        [
            held(of={"tenant": tenant}),
            released(HALF, tenant=tenant),
            held(hold=1, of={"tenant": tenant}),
            released(REST, tenant=tenant),
        ],
        topics.HELD,
    ),
    "usage": lambda tenant: arrivals(
        [
            usage(charged=HALF, tenant=tenant),
            usage(refunded=REST, tenant=tenant),
            usage(charged=0b0000100000, tenant=tenant),
            usage(charged=HALF, round=1, lease="l1", tenant=tenant),
        ],
        topics.USAGE,
    ),
    "dead-letter": lambda tenant: arrivals(
        [usage(charged=1, tenant=tenant)],
        topics.DEAD_LETTER,
        headers=[
            ("x-orig-topic", b"usage"),
            ("x-orig-partition", b"0"),
            ("x-orig-offset", b"7"),
            ("x-error-class", b"DecodeError"),
            ("own", b"\xff\x00"),
        ],
    ),
}


@pytest.fixture
def database(services: Stack) -> Iterator[str]:
    with fresh_database(services.postgres) as url:
        for tenant in (TENANT, OTHER):
            add_tenant(url, tenant, reserved=17_000)
            reserve(url, tenant)
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, "
                "partition) VALUES ('acme', 3, 'smpp', 1, 1, 2, 1, 0)"
            )
        yield url


def reserve(url: str, tenant: str) -> None:
    """What intake had reserved before: a round of the chunk, and an allowance."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO reservations (tenant, chunk, round, price, positions, segments, amount, at) "
            "VALUES (%s, 'chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_0', 0, 700, '\\xff03', %s, 7000, 0)",
            (tenant, bytes([1]) * 10),
        )
        connection.execute(
            "INSERT INTO allowances (tenant, lease, amount, expires_at) VALUES (%s, 'l1', 10000, 0)", (tenant,)
        )


@pytest.fixture(params=sorted(STORIES))
def sink(request: pytest.FixtureRequest) -> Sink:
    return next(s for s in make_sinks(SEALER) if s.name == request.param)


def tell(url: str, sink: Sink, *batches: Sequence[DecodedRecord]) -> dict[str, list[str]]:
    session = Session(url, prepare=sink.staging)
    try:
        for batch in batches:
            with session.transaction() as transaction:
                sink.apply(batch, transaction)
    finally:
        session.close()
    return contents(url, sink.tables)


def meaning(url: str, rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """These rows without what depends on how they came: pages of references are as large as the batches were."""
    if "ref_pages" not in rows:
        return rows
    return {**rows, "ref_pages": list(map(str, fresh_refs(url)))}


def test_every_sink_has_a_story() -> None:
    assert {s.name for s in make_sinks(SEALER)} == set(STORIES)


def test_every_sink_reads_topics_that_name_it_as_a_reader() -> None:
    for s in make_sinks(SEALER):
        assert all("sinks" in topics.topic(name).readers for name in s.reads), s.name


def test_the_story_leaves_rows(database: str, sink: Sink) -> None:
    before = contents(database, sink.tables)
    after = tell(database, sink, STORIES[sink.name](TENANT))
    assert all(after[table] != before[table] for table in sink.tables)


def test_one_batch_or_many_is_the_same(database: str, services: Stack, sink: Sink) -> None:
    story = STORIES[sink.name](TENANT)
    at_once = tell(database, sink, story)
    sink.forget()
    with fresh_database(services.postgres) as second:
        for tenant in (TENANT, OTHER):
            add_tenant(second, tenant, reserved=17_000)
            reserve(second, tenant)
        with psycopg.connect(second) as connection:
            connection.execute(
                "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, "
                "partition) VALUES ('acme', 3, 'smpp', 1, 1, 2, 1, 0)"
            )
        one_by_one = tell(second, sink, *([arrival] for arrival in story))
        assert meaning(second, one_by_one) == meaning(database, at_once)


def test_twice_is_once(database: str, sink: Sink) -> None:
    story = STORIES[sink.name](TENANT)
    once = tell(database, sink, story)
    sink.forget()
    assert tell(database, sink, story) == once
    assert tell(database, sink, [*story, *story]) == once


def test_a_late_record_changes_nothing(database: str, sink: Sink) -> None:
    story = STORIES[sink.name](TENANT)
    once = tell(database, sink, story)
    for place in range(len(story)):
        assert tell(database, sink, [story[place]]) == once, story[place].content


def test_another_tenant_is_untouched_and_sees_nothing(database: str, sink: Sink) -> None:
    hidden = [table for table in sink.tables if table in HIDDEN]
    visible = [table for table in sink.tables if table not in HIDDEN]
    for table in hidden:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            contents(database, [table], tenant=OTHER)
    before = contents(database, visible, tenant=OTHER)
    tell(database, sink, STORIES[sink.name](TENANT))
    assert contents(database, visible, tenant=OTHER) == before
    tell(database, sink, STORIES[sink.name](OTHER))
    for rows in contents(database, visible, tenant=OTHER).values():
        assert all(TENANT not in row for row in rows)
