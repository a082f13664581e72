"""The app's role sees one tenant's rows, and nothing without one; whatever happened on the connection before.

In: two tenants with rows. Out: what `sluice_app` sees through tables and the view `messages`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from infra.postgres.pool import Connection, Pool, fetch_all, open_pool, tenant_transaction, transaction
from infra.services.stack import Stack
from tests.support.database import add_tenant, fresh_database
from tests.support.log_records import OTHER, TENANT

pytestmark = pytest.mark.stack

TENANT_TABLES = (
    "api_keys",
    "balances",
    "campaigns",
    "campaign_parts",
    "rejections",
    "chunk_payloads",
    "chunks",
    "campaign_counts",
    "campaign_spend",
    "reservations",
    "attempt_chunks",
    "held",
    "tenants",
)
HIDDEN = (
    "allowances",
    "carrier_refs",
    "ref_blocks",
    "ref_pages",
    "message_refs",
    "uncertain_positions",
    "receipt_parts",
    "sink_offsets",
    "dead_letters",
    "parked_receipts",
    "awaited_receipts",
)
CHUNK = """
INSERT INTO chunk_payloads (tenant, chunk, campaign, part, size, lane, sender, body, smart, version, grouping, accepted_at,
                            due_at, expires_at, indexes, key_id, sealed, to_hashes)
VALUES (%(t)s, 'chk_A_0_0', 'cmp_A', 0, 2, 'otp', 's', 'b', false, 1, 0, 0, 0, 0, '\\x0500000000010000', 'k', '', '{}');
"""
STATE = """
INSERT INTO chunks (tenant, chunk, campaign, part, size, lane, sequences, reasons, seconds, carriers, segments, price,
                    updated_at)
VALUES (%(t)s, 'chk_A_0_0', 'cmp_A', 0, 2, 'otp', '{25,1048588}', '{0,0}', '{1,2}', '{0,0}', '{1,2}', 700, 0)
"""
MONEY = """
INSERT INTO reservations (tenant, chunk, round, price, positions, segments, amount, at)
VALUES (%(t)s, 'chk_A_0_0', 1, 700, '\\x03', '\\x0102', 2100, 0)
"""


@pytest.fixture
def database(services: Stack) -> Iterator[str]:
    with fresh_database(services.postgres) as url:
        for tenant in (TENANT, OTHER):
            add_tenant(url, tenant)
            with psycopg.connect(url) as connection:
                connection.execute(CHUNK, {"t": tenant})
                connection.execute(STATE, {"t": tenant})
                connection.execute(MONEY, {"t": tenant})
        yield url


@pytest.fixture
async def app(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, role="app", size=1)
    yield pool
    await pool.close()


async def visible(connection: Connection, table: str) -> int:
    return len(await fetch_all(connection, f"SELECT 1 FROM {table}"))


async def test_without_a_tenant_nothing_is_seen(app: Pool) -> None:
    async with transaction(app) as connection:
        assert {table: await visible(connection, table) for table in TENANT_TABLES} == dict.fromkeys(TENANT_TABLES, 0)
        await connection.execute("SELECT set_config('app.tenant', '', true)")
        assert await visible(connection, "chunks") == await visible(connection, "messages") == 0


async def test_a_tenant_sees_its_own(app: Pool) -> None:
    for tenant in (TENANT, OTHER):
        async with tenant_transaction(app, tenant) as connection:
            for table in ("tenants", "balances", "chunks", "chunk_payloads", "reservations"):
                assert await visible(connection, table) == 1, table
            rows = await fetch_all(connection, "SELECT tenant::text, id, status, price FROM messages ORDER BY position")
            assert rows == [(tenant, "msg_A_0_5", "sent", 700), (tenant, "msg_A_0_256", "delivered", 1400)]


async def test_a_connection_forgets_its_tenant_also_after_an_error(app: Pool) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with tenant_transaction(app, TENANT) as connection:
            await connection.execute("SELECT 1 / 0")
    async with transaction(app) as connection:
        assert await visible(connection, "chunks") == 0
        assert await fetch_all(connection, "SELECT current_user::text") == [("sluice_app",)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO rejections VALUES ('{}', 'cmp_A', 0, 0, 'p', 'c', 'd')",
        "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, grouping, digest, answer, "
        "created_at) VALUES ('{}', 'cmp_B', 'n', 's', 'b', 'otp', 1, 'draft', 0, '', '{{}}', 0)",
    ],
)
async def test_a_row_of_another_tenant_is_refused(app: Pool, statement: str) -> None:
    async with tenant_transaction(app, TENANT) as connection:
        await connection.execute(statement.format(TENANT))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with tenant_transaction(app, TENANT) as connection:
            await connection.execute(statement.format(OTHER))


@pytest.mark.parametrize("table", HIDDEN)
async def test_what_the_app_never_needs_it_cannot_read(app: Pool, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with tenant_transaction(app, TENANT) as connection:
            await visible(connection, table)


async def test_the_app_owns_nothing_and_cannot_bypass(app: Pool) -> None:
    async with transaction(app) as connection:
        assert await fetch_all(
            connection, "SELECT rolbypassrls, rolsuper, rolcanlogin FROM pg_roles WHERE rolname = current_user"
        ) == [(False, False, False)]
        assert await fetch_all(
            connection, "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = 'sluice_app'"
        ) == [(0,)]
        owners = await fetch_all(
            connection,
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
            "'public'::regnamespace AND relrowsecurity AND NOT relforcerowsecurity",
        )
        assert owners == []


async def test_every_key_of_a_tenant_table_starts_with_the_tenant(database: str) -> None:
    with psycopg.connect(database) as connection:
        wrong = connection.execute(
            "SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
            "WHERE i.indisunique AND c.relrowsecurity AND c.relname NOT IN ('tenants', 'api_keys') "
            "AND a.attname <> 'tenant'"
        ).fetchall()
    assert wrong == []


async def test_keys_in_force_are_known_before_the_tenant_is(app: Pool, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO api_keys (id, tenant, hash) VALUES ('k1', %s, 'h'), ('k2', %s, 'h')", (TENANT, OTHER)
        )
        connection.execute("UPDATE api_keys SET revoked_at = now() WHERE id = 'k2'")
    async with transaction(app) as connection2:
        assert await fetch_all(connection2, "SELECT id, tenant::text FROM keys_in_force()") == [("k1", TENANT)]
