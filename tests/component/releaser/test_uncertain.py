"""The money of uncertain messages, once their carrier's receipts are no longer awaited: charged or given back, once.

In: reservations, uncertain positions, a tenant's setting. Out: what the releaser writes to `usage`, and the account after
the sink has taken it in.
"""

from __future__ import annotations

import secrets

import pytest

from connectors.releaser.leases import RowLeases
from connectors.releaser.maintenance import settle_uncertain
from connectors.sinks.ingest import IngestSink
from connectors.sinks.usage import UsageSink
from infra.kafka.outbox import Outbox
from infra.services.stack import Stack
from schemas.records.wire import Usage
from tests.support.log_records import NOW, SEALER, TENANT, an_envelope
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

LATER = NOW + 61_000
RESERVED = (
    "INSERT INTO reservations (tenant, chunk, round, price, positions, segments, amount, at) "
    "VALUES (%s, %s, %s, 700, %s, %s, %s, %s)"
)
UNCERTAIN = (
    "INSERT INTO uncertain_positions (tenant, carrier, to_hash, chunk, send, position, at) "
    "VALUES (%s, 'acme', 7, %s, %s, %s, %s)"
)
ACCOUNT = "SELECT charged, reserved FROM balances"
LEFT = "SELECT position FROM uncertain_positions ORDER BY position"


@pytest.fixture
def chunk(database: str) -> str:
    name = f"chk_{secrets.token_hex(8)}"
    apply_records(database, an_envelope(chunk=name), sink=IngestSink(SEALER))
    return name


def reserve(url: str, chunk: str, round_: int, positions: list[int], *, segments: int = 1) -> None:
    column = bytes(segments if p in positions else 0 for p in range(10))
    bits = sum(1 << p for p in positions).to_bytes(2, "little")
    execute(url, RESERVED, TENANT, chunk, round_, bits, column, 700 * sum(column), NOW + round_)


def unsure(url: str, chunk: str, *positions: int, send: int = 1, at: int = NOW) -> None:
    for position in positions:
        execute(url, UNCERTAIN, TENANT, chunk, send, position, at)


async def settled(services: Stack, url: str, leases: RowLeases, outbox: Outbox, chunk: str) -> list[Usage]:
    """One turn of the chore, and its records taken in by the sink, twice."""
    await settle_uncertain(leases, outbox, lambda: LATER)
    written = [u for u in records_of(services.kafka, "usage", Usage) if u.chunk == chunk]
    if written:
        apply_records(url, *written, *written, sink=UsageSink())
    return written


@pytest.mark.parametrize(("charge", "account"), [(True, (2800, 95_800)), (False, (0, 95_800))])
async def test_charged_or_given_back_by_the_tenants_setting(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str, charge: bool, account: tuple[int, int]
) -> None:
    execute(database, "UPDATE tenants SET charge_uncertain = %s", charge)
    reserve(database, chunk, 0, list(range(10)), segments=2)
    unsure(database, chunk, 1, 3)
    unsure(database, chunk, 5, 6, at=NOW + 5000)
    execute(database, "UPDATE balances SET reserved = 98600")
    [usage] = await settled(services, database, leases, outbox, chunk)
    assert (usage.charged, usage.refunded) == ((0b1010, 0) if charge else (0, 0b1010))
    assert rows(database, ACCOUNT) == [account] and rows(database, LEFT) == [(5,), (6,)]
    assert len(await settled(services, database, leases, outbox, chunk)) == 1


async def test_under_the_round_that_paid_for_it_when_others_were_tried_again(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    reserve(database, chunk, 0, list(range(10)))
    reserve(database, chunk, 1, [4, 5])
    unsure(database, chunk, 0, 9)
    unsure(database, chunk, 5, send=2)
    written = await settled(services, database, leases, outbox, chunk)
    assert sorted((u.round, u.charged, u.segments) for u in written) == [(0, 0b1000000001, b"\1\1"), (1, 1 << 5, b"\1")]
    assert rows(database, ACCOUNT) == [(2100, 97_900)] and rows(database, LEFT) == []


async def test_what_no_reservation_paid_for_is_no_longer_awaited_and_costs_nothing(
    services: Stack, database: str, leases: RowLeases, outbox: Outbox, chunk: str
) -> None:
    unsure(database, chunk, 2)
    assert await settled(services, database, leases, outbox, chunk) == []
    assert rows(database, ACCOUNT) == [(0, 100_000)] and rows(database, LEFT) == []
