"""Pools and the configuration cache while PostgreSQL comes, changes, and goes.

In: a database, an address where nobody listens. Out: rows, or `DatabaseDown` soon.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import psycopg
import pytest

from infra.postgres.config_cache import ConfigCache, carrier_context
from infra.postgres.pool import (
    UNACKNOWLEDGED_MS,
    DatabaseDown,
    TenantBusy,
    fetch_one,
    open_pool,
    tenant_transaction,
    transaction,
)
from infra.security.secrets import seal_secret
from infra.services.stack import Stack
from infra.settings.carriers import SmppSettings
from tests.support.database import add_tenant, fresh_database
from tests.support.log_records import KEYRING, TENANT

OTHER = "0c000000-0000-4000-8000-000000000001"
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def database(services: Stack) -> Iterator[str]:
    with fresh_database(services.postgres) as url:
        yield url


async def test_nobody_there_is_said_soon() -> None:
    pool = await open_pool("postgresql://nobody@127.0.0.1:1/none", wait_seconds=0.5)
    before = time.monotonic()
    with pytest.raises(DatabaseDown):
        async with transaction(pool):
            raise AssertionError("no transaction without a database")
    assert time.monotonic() - before < 5
    await pool.close()


@pytest.mark.stack
async def test_a_connection_that_broke_is_replaced(database: str) -> None:
    pool = await open_pool(database, size=1)
    with pytest.raises(DatabaseDown):
        async with transaction(pool) as connection:
            with psycopg.connect(database) as other:
                other.execute(KILL)
            await connection.execute("SELECT 1")
    async with transaction(pool) as connection:
        assert await fetch_one(connection, "SELECT 1") == (1,)
    await pool.close()


@pytest.mark.stack
async def test_a_server_that_is_silent_is_given_up(database: str) -> None:
    pool = await open_pool(database, size=1)
    async with transaction(pool) as connection:
        with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as own:
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNACKNOWLEDGED_MS
    await pool.close()


@pytest.mark.stack
async def test_the_book_follows_changes_and_keeps_what_it_knows(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_tenant(database, TENANT)
    key_id, secret = seal_secret(KEYRING, "pa55", carrier_context("acme"))
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition, settings, "
            "secret, secret_key_id) VALUES ('acme', 3, 'smpp', 100, 5, 2, 60, 4, '{\"port\": 2775}', %s, %s)",
            (secret, key_id),
        )
        connection.execute("INSERT INTO routes VALUES ('', '{acme}', 100), ('+49', '{acme}', 700)")
    pool = await open_pool(database)
    cache = ConfigCache(pool, KEYRING)
    changed = asyncio.Event()
    await cache.start()
    cache.on_change(changed.set)
    acme = cache.carriers["acme"]
    assert (acme.number, acme.rate, acme.window, acme.partition, acme.password) == (3, 100, 5, 4, "pa55")
    assert not acme.one_receipt_for_all_parts
    assert acme.settings == {"port": 2775} and "pa55" not in repr(acme)
    assert [(r.prefix, r.price) for r in cache.routes] == [("+49", 700), ("", 100)]
    assert cache.tenants[TENANT].senders is None
    with psycopg.connect(database) as connection:
        monkeypatch.setattr(SmppSettings, "sends_whole", True)
        connection.execute("UPDATE carriers SET rate = 7")
    await asyncio.wait_for(changed.wait(), 30)
    assert cache.carriers["acme"].rate == 7
    assert cache.carriers["acme"].one_receipt_for_all_parts, (
        "a kind that sends whole is reported once, whatever the row says"
    )
    with psycopg.connect(database) as connection:
        rates = connection.execute("SELECT rate FROM carrier_rates ORDER BY since").fetchall()
    assert rates == [(100,), (7,)]
    await pool.close()
    with pytest.raises(DatabaseDown):
        await cache.refresh()
    assert cache.carriers["acme"].rate == 7
    await cache.stop()


@pytest.mark.stack
async def test_no_tenant_has_all_connections(database: str) -> None:
    pool = await open_pool(database, size=2, tenant_size=1, wait_seconds=0.4)
    ours: list[BaseException] = []

    async def ask_again() -> None:
        try:
            async with tenant_transaction(pool, TENANT):
                raise AssertionError("it has its share already")
        except DatabaseDown as fault:
            ours.append(fault)

    async with tenant_transaction(pool, TENANT):
        asking = asyncio.create_task(ask_again())
        while not ours:
            async with tenant_transaction(pool, OTHER) as connection:
                assert await fetch_one(connection, "SELECT 1") == (1,)
        await asking
    assert isinstance(ours[0], TenantBusy) and "1 connections of this tenant" in str(ours[0])
    async with tenant_transaction(pool, TENANT) as connection:
        assert await fetch_one(connection, "SELECT 1") == (1,)
    await pool.close()


@pytest.mark.stack
async def test_while_nobody_gets_an_answer_nobody_is_said_to_ask_too_much(database: str) -> None:
    pool = await open_pool(database, size=2, tenant_size=1, wait_seconds=0.2)
    async with tenant_transaction(pool, TENANT):
        with pytest.raises(DatabaseDown, match="answers nobody"):
            async with tenant_transaction(pool, TENANT):
                raise AssertionError("it has its share already")
    await pool.close()


@pytest.mark.stack
async def test_who_waits_has_the_connection_that_its_tenant_gives_back(database: str) -> None:
    pool = await open_pool(database, size=4, tenant_size=2, wait_seconds=20.0)
    inside = most = 0

    async def one() -> None:
        nonlocal inside, most
        async with tenant_transaction(pool, TENANT) as connection:
            inside += 1
            most = max(most, inside)
            await fetch_one(connection, "SELECT pg_sleep(0.01)")
            inside -= 1

    await asyncio.gather(*(one() for _ in range(9)))
    assert (most, pool.turns.known) == (2, 0)
    await pool.close()
