"""A waiting row that fails of itself stays where it is; the rows beside it go on, and so does the releaser.

In: rows of the waiting room, some of them bent in PostgreSQL. Out: what reaches the topics, which rows wait on.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from connectors.releaser.leases import RowLeases
from connectors.releaser.maintenance import settle_uncertain
from connectors.releaser.release import Release
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.kafka.outbox import Outbox
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.wire import Envelope, MessageEvents, Usage
from schemas.values.reasons import Reason
from tests.support.log_records import NOW, SEALER, TENANT, a_slice, an_envelope, held
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

BENT: dict[str, tuple[str, Any]] = {
    "bytes that are no record": ("UPDATE held SET slice = %s WHERE chunk = %s", b"\xff\xfe"),
    "columns of another length": (
        "UPDATE held SET slice = %s WHERE chunk = %s",
        encode(Envelope(slices=[a_slice(campaign=None, segments=b"\1", sealed=b"")])),
    ),
    "a lane that nobody has": (
        "UPDATE held SET slice = %s WHERE chunk = %s",
        encode(Envelope(slices=[a_slice(campaign=None, lane="no lane", sealed=b"")])),
    ),
    "a payload that does not open": ("UPDATE chunk_payloads SET sealed = %s WHERE chunk = %s", b"\0" * 60),
    "an index too few": ("UPDATE chunk_payloads SET size = 3, indexes = %s WHERE chunk = %s", b"\0" * 4),
}


@pytest.mark.parametrize("how", sorted(BENT))
@pytest.mark.parametrize("way", ["end", "intake"])
async def test_neighbours_of_a_row_that_fails_go_on(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, how: str, way: str
) -> None:
    names = [f"chk_{secrets.token_hex(8)}" for _ in range(3)]
    for name in names:
        apply_records(database, an_envelope(chunk=name, campaign=None), sink=IngestSink(SEALER))
        apply_records(
            database, held(of={"chunk": name, "campaign": None, "sealed": b"", "expires_at": NOW}), sink=HeldSink()
        )
    execute(database, BENT[how][0], BENT[how][1], names[1])
    release = Release(leases, outbox, SEALER, lambda: NOW + 1)
    claimed = await leases.claim("expired", NOW + 60_001, 10)
    if way == "end":
        await release.to_end(claimed, Reason.VALIDITY_ENDED)
        told = {e.chunk for e in records_of(services.kafka, "message-events-marketing", MessageEvents)}
    else:
        await release.to_intake(claimed)
        told = {s.chunk for e in records_of(services.kafka, "ingest-marketing", Envelope) for s in e.slices}
    waiting = {chunk for (chunk,) in rows(database, "SELECT chunk FROM held WHERE waiting > 0")}
    assert {names[0], names[2]} <= told and not {names[0], names[2]} & waiting
    if way == "end" or how != "a payload that does not open":  # intake opens it, and buries it
        assert names[1] in waiting


async def test_one_uncertain_message_that_cannot_be_settled_keeps_none_waiting(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox
) -> None:
    names = [f"chk_{secrets.token_hex(8)}" for _ in range(3)]
    for n, name in enumerate(names):
        apply_records(database, an_envelope(chunk=name, campaign=None), sink=IngestSink(SEALER))
        segments = b"" if n == 1 else bytes([1]) * 10
        execute(
            database,
            "INSERT INTO reservations (tenant, chunk, round, price, positions, segments, amount, at) "
            "VALUES (%s, %s, 1, 700, %s, %s, 7000, %s)",
            TENANT,
            name,
            b"\xff\x03",
            segments,
            NOW,
        )
        execute(
            database,
            "INSERT INTO uncertain_positions (tenant, carrier, to_hash, chunk, send, position, at) "
            "VALUES (%s, 'acme', 7, %s, 1, 5, %s)",
            TENANT,
            name,
            NOW,
        )
    await settle_uncertain(leases, outbox, lambda: NOW + 61_000)
    assert {u.chunk for u in records_of(services.kafka, "usage", Usage)} >= {names[0], names[2]}
    assert rows(database, "SELECT chunk FROM uncertain_positions") == [(names[1],)]
