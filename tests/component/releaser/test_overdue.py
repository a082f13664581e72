"""Messages that rest in `sent` get the reason `no_receipt` when their carrier's wait is over: those, then, once.

In: states as the sink wrote them, a clock that the test moves. Out: what the releaser writes to Kafka, and what the sink
makes of it.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, cast

import pytest

from connectors.releaser import overdue
from connectors.releaser.leases import RowLeases
from connectors.releaser.overdue import REPEAT_MS, mark_overdue
from connectors.sinks.ingest import IngestSink
from infra.kafka.outbox import DeliveryError, Outbox
from infra.services.stack import Stack
from schemas.records.wire import MessageEvents
from tests.support.log_records import NOW, SEALER, an_envelope, change, events
from tests.support.releaser_rows import apply_records, events_of, execute, rows
from tests.support.topic_reader import read_topic

pytestmark = pytest.mark.stack

HALF, REST = 0b0000011111, 0b1111100000
WAIT = 60_000
RESTING = "SELECT chunk, carrier, since FROM awaited_receipts ORDER BY chunk, carrier"
REASONS = "SELECT reasons FROM chunks WHERE chunk = %s"


@pytest.fixture
def chunk() -> str:
    return f"chk_{secrets.token_hex(8)}"


def sent(chunk: str, positions: int = HALF | REST, *, carrier: str = "acme", at: int = NOW, send: int = 1) -> MessageEvents:
    return events(change("sent", positions, carrier=carrier, send=send), chunk=chunk, at=at)


async def turn(leases: RowLeases, outbox: Outbox, at: int) -> bool:
    return await mark_overdue(leases, outbox, lambda: at)


async def test_exactly_the_overdue_ones_of_each_carrier_and_no_public_event(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    apply_records(
        database, sent(chunk, HALF), sent(chunk, REST, carrier="slow"), events(change("delivered", 1), chunk=chunk)
    )
    receipts = len(read_topic(services.kafka, "delivery-receipts"))
    assert await turn(leases, outbox, NOW + WAIT + 1000)
    [record] = events_of(services.kafka, chunk)
    assert [(c.status, c.send, c.positions, c.reason, c.carrier) for c in record.changes] == [
        ("sent", 1, HALF & ~1, "no_receipt", "acme")
    ]
    apply_records(database, record)
    assert rows(database, REASONS, chunk) == [([0, 104, 104, 104, 104, 0, 0, 0, 0, 0],)]
    assert rows(database, "SELECT counts[10], counts[13] FROM campaign_counts") == [(9, 1)]
    assert rows(database, RESTING) == [(chunk, 4, NOW // 1000)]
    assert len(read_topic(services.kafka, "delivery-receipts")) == receipts
    assert not await turn(leases, outbox, NOW + WAIT + 60_000)
    assert await turn(leases, outbox, NOW + 3_601_000)
    assert [c.positions for record in events_of(services.kafka, chunk) for c in record.changes] == [HALF & ~1, REST]


async def test_not_a_moment_early_and_by_the_wait_of_now(
    database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    apply_records(database, sent(chunk))
    assert not await turn(leases, outbox, NOW + WAIT)
    execute(database, "UPDATE carriers SET receipt_wait_seconds = 120 WHERE id = 'acme'")
    assert not await turn(leases, outbox, NOW + 2 * WAIT)
    execute(database, "UPDATE carriers SET receipt_wait_seconds = 5 WHERE id = 'acme'")
    assert not await turn(leases, outbox, NOW + 5000)
    assert await turn(leases, outbox, NOW + 6000)


async def test_those_of_a_chunk_that_were_sent_later_follow_in_their_time(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    apply_records(database, sent(chunk, HALF), sent(chunk, REST, at=NOW + 30_000, send=2))
    assert await turn(leases, outbox, NOW + WAIT + 1000)
    apply_records(database, *events_of(services.kafka, chunk))
    assert rows(database, RESTING) == [(chunk, 3, NOW // 1000 + 30)]
    assert not await turn(leases, outbox, NOW + WAIT + 30_000)
    assert await turn(leases, outbox, NOW + WAIT + 31_000)
    assert [(c.send, c.positions) for record in events_of(services.kafka, chunk) for c in record.changes] == [
        (1, HALF),
        (2, REST),
    ]


async def test_what_moves_on_is_not_awaited(database: str, leases: RowLeases, outbox: Outbox, chunk: str) -> None:
    apply_records(database, sent(chunk))
    assert rows(database, RESTING) == [(chunk, 3, NOW // 1000)]
    apply_records(database, events(change("delivered", HALF), change("undelivered", REST), chunk=chunk))
    assert rows(database, RESTING) == []
    assert not await turn(leases, outbox, NOW + 10 * WAIT)


async def test_a_late_receipt_wins_before_and_after(database: str, chunk: str) -> None:
    missing = events(change("sent", reason="no_receipt"), chunk=chunk, at=NOW + WAIT)
    late = events(change("delivered", HALF), chunk=chunk, at=NOW + 2 * WAIT)
    for order in ((sent(chunk), missing, late, missing), (late, missing, sent(chunk))):
        execute(database, "DELETE FROM awaited_receipts")
        execute(database, "DELETE FROM chunks")
        for record in order:
            apply_records(database, record)
        assert rows(database, REASONS, chunk) == [([0] * 5 + [104] * 5,)]
        assert rows(
            database,
            "SELECT array_agg(s %% 16 ORDER BY n) FROM chunks, unnest(sequences) WITH ORDINALITY "
            "AS u (s, n) WHERE chunk = %s",
            chunk,
        ) == [([12] * 5 + [9] * 5,)]
        assert rows(database, RESTING) == []


async def test_people_who_know_sql_see_it(database: str, chunk: str) -> None:
    apply_records(database, an_envelope(chunk=chunk), sink=IngestSink(SEALER))
    apply_records(database, sent(chunk), events(change("sent", HALF, reason="no_receipt"), chunk=chunk, at=NOW + WAIT))
    assert rows(
        database,
        "SELECT status, reason, carrier, extract(epoch FROM updated_at)::int, count(*)::int FROM messages "
        "GROUP BY 1, 2, 3, 4 ORDER BY reason",
    ) == [("sent", 0, "acme", NOW // 1000, 5), ("sent", 104, "acme", NOW // 1000 + 60, 5)]


class DeadOutbox:
    """A Kafka that takes nothing, as it looks to somebody who is killed before the acknowledgement."""

    def send(self, *_: Any) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_exception(DeliveryError("no broker"))
        return future


async def test_killed_before_the_acknowledgement_it_is_told_after_the_lease(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    apply_records(database, sent(chunk))
    begun = NOW + 2 * WAIT
    with pytest.raises(DeliveryError):
        await turn(leases, cast(Outbox, DeadOutbox()), begun)
    assert not await turn(leases, outbox, begun + 29_000)
    assert events_of(services.kafka, chunk) == []
    assert await turn(leases, outbox, begun + 31_000)
    [record] = events_of(services.kafka, chunk)
    apply_records(database, record, record)
    apply_records(database, record)
    assert rows(database, REASONS, chunk) == [([104] * 10,)]
    assert rows(database, "SELECT counts[10] FROM campaign_counts") == [(10,)]


async def test_a_sink_that_is_behind_does_not_get_more_and_more_to_read(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    apply_records(database, sent(chunk))
    begun = NOW + 2 * WAIT
    assert await turn(leases, outbox, begun)
    for later in (1000, 31_000, REPEAT_MS - 1000):
        assert not await turn(leases, outbox, begun + later)
    assert await turn(leases, outbox, begun + REPEAT_MS + 1000)
    assert len(events_of(services.kafka, chunk)) == 2


async def test_a_turn_is_bounded_and_the_oldest_go_first(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "BATCH_CHUNKS", 2)
    names = [f"{chunk}_{n}" for n in range(5)]
    apply_records(database, *(sent(name, at=NOW - 1000 * n) for n, name in enumerate(names)))
    seen = []
    while await turn(leases, outbox, NOW + 2 * WAIT):
        seen.append(sorted({record.chunk for record in events_of(services.kafka, *names)}))
    assert [len(found) for found in seen] == [2, 4, 5]
    assert seen[0] == names[3:] and seen[1] == names[1:]


async def test_two_releasers_do_not_tell_twice(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    names = [f"{chunk}_{n}" for n in range(20)]
    apply_records(database, *(sent(name) for name in names))
    await asyncio.gather(*(turn(leases, outbox, NOW + 2 * WAIT) for _ in range(3)))
    assert sorted(record.chunk for record in events_of(services.kafka, *names)) == sorted(names)
