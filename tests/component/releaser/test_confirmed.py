"""What the gateway keeps of keyed chunks in case it dies before Kafka has them, and when it is forgotten.

In: rows of `unconfirmed_chunks`, chunks that the sinks have. Out: the rows that are left.
"""

from __future__ import annotations

import secrets

import pytest

from connectors.releaser.leases import RowLeases
from connectors.releaser.maintenance import UNCONFIRMED_MS, forget_confirmed
from connectors.sinks.ingest import IngestSink
from infra.kafka.outbox import Outbox
from infra.postgres.sql import load_sql
from tests.support.log_records import NOW, SEALER, TENANT, an_envelope
from tests.support.releaser_rows import apply_records, execute, rows

pytestmark = pytest.mark.stack

KEEP = "INSERT INTO unconfirmed_chunks (tenant, chunk, record, at) VALUES (%s, %s, '', %s)"
OTHER = "00000000-0000-4000-8000-000000000001"


async def test_forgotten_once_the_sinks_have_the_chunk_or_after_two_days(
    database: str, leases: RowLeases, outbox: Outbox
) -> None:
    stored, missing, old = (f"chk_{secrets.token_hex(8)}" for _ in range(3))
    apply_records(database, an_envelope(chunk=stored), sink=IngestSink(SEALER))
    for tenant, chunk, at in (
        (TENANT, stored, NOW),
        (OTHER, stored, NOW),
        (TENANT, missing, NOW),
        (TENANT, old, NOW - UNCONFIRMED_MS - 1),
    ):
        execute(database, KEEP, tenant, chunk, at)
    await forget_confirmed(leases, outbox, lambda: NOW)
    left = rows(database, "SELECT tenant::text, chunk FROM unconfirmed_chunks")
    assert sorted(left) == sorted([(OTHER, stored), (TENANT, missing)])


async def test_chunks_are_looked_up_one_by_one(database: str) -> None:
    """All of `chunk_payloads`, the largest table, would be read every second."""
    statement = load_sql("connectors.releaser", "confirmed_forget").replace("%(before)s", "0")
    plan = "\n".join(row[0] for row in rows(database, f"EXPLAIN {statement}"))
    assert "chunk_payloads" in plan and "hashed" not in plan, plan
