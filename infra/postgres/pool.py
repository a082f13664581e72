"""Connections to PostgreSQL for asyncio roles: one pool a process, transactions as context managers.

In: a connection URL and as whom the process works: `operator` sees every tenant, `app` (SET ROLE sluice_app) sees the
tenant of its transaction and nothing without one. Out: transactions that commit when their block ends and roll back
when it raises. When PostgreSQL is away, or goes away in the block, `DatabaseDown` is raised within about two seconds;
the pool reconnects by itself as soon as somebody asks again. One that is frozen is the same to a pool with `answer_seconds`.
A pool with `tenant_size` gives no tenant more connections than that at a time: `TenantBusy`, a kind of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import class_row, dict_row, scalar_row, tuple_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from infra.postgres.deadline import DeadlineConnection, check
from infra.postgres.faults import values_told_apart
from infra.postgres.sql import load_sql
from infra.postgres.tenant_turns import TenantBusy, TenantTurns

__all__ = [
    "Connection",
    "DatabaseDown",
    "Jsonb",
    "Pool",
    "TenantBusy",
    "UniqueViolation",
    "class_row",
    "copy",
    "dict_row",
    "execute",
    "fetch_all",
    "fetch_one",
    "look_up",
    "open_pool",
    "scalar_row",
    "single_statement",
    "tenant_transaction",
    "transaction",
    "tuple_row",
]

Connection = AsyncConnection[Any]
DatabaseDown = psycopg.OperationalError
"""PostgreSQL cannot be reached, went away, stands still, or asks to try the transaction again (deadlock, lock time-out)."""
UniqueViolation = errors.UniqueViolation

APP_ROLE = "sluice_app"
UNACKNOWLEDGED_MS = 10_000
Parameters = Sequence[object] | Mapping[str, object] | None


class Pool(AsyncConnectionPool[DeadlineConnection]):
    """The connections of one process; `turns`: whose they may be."""

    turns: TenantTurns


async def open_pool(
    url: str,
    *,
    role: str = "operator",
    size: int = 4,
    tenant_size: int | None = None,
    wait_seconds: float = 2.0,
    answer_seconds: float | None = None,
) -> Pool:
    """A pool of at most `size` connections, open at once; PostgreSQL need not be there yet.

    `role`: operator | app. `tenant_size`: of these, for one tenant at a time; None: all. `wait_seconds`: how long a
    transaction waits for a free or a new connection before `DatabaseDown`. `answer_seconds`: how long one statement may
    take before it; None: any time. To be closed with `await pool.close()`.
    """
    if role not in ("operator", "app"):
        raise ValueError(f"role: {role!r} is neither operator nor app")

    async def prepare(connection: DeadlineConnection) -> None:
        connection.answer_seconds = answer_seconds
        if role == "app":
            await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(APP_ROLE)))

    pool = Pool(
        url,
        connection_class=DeadlineConnection,
        min_size=1,
        max_size=max(size, 1),
        open=False,
        configure=prepare,
        timeout=wait_seconds,
        check=check,
        # Trap: the pool's own back-off grows to minutes; given up at once, the next one who asks tries anew.
        reconnect_timeout=0.0,
        kwargs={
            "autocommit": True,
            "connect_timeout": 3,
            "application_name": f"sluice-{role}",
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            # Keep-alives rest while something sent is not acknowledged; without this a cable that was pulled then
            # goes unnoticed for a quarter of an hour.
            "tcp_user_timeout": UNACKNOWLEDGED_MS,
        },
    )
    pool.turns = TenantTurns(tenant_size or size, wait_seconds / 2)
    await pool.open(wait=False)
    return pool


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A connection inside a transaction. Raises DatabaseDown, also at the commit."""
    try:
        with values_told_apart():
            async with pool.connection() as connection, connection.transaction():
                yield connection
    except psycopg.InterfaceError as fault:
        raise DatabaseDown(f"the connection broke: {fault}") from fault


@asynccontextmanager
async def single_statement(pool: Pool) -> AsyncIterator[Connection]:
    """A connection on which each statement is a transaction of its own: half as many round trips as `transaction` for one
    statement. Raises DatabaseDown."""
    try:
        with values_told_apart():
            async with pool.connection() as connection:
                yield connection
    except psycopg.InterfaceError as fault:
        raise DatabaseDown(f"the connection broke: {fault}") from fault


@asynccontextmanager
async def tenant_transaction(pool: Pool, tenant_id: str) -> AsyncIterator[Connection]:
    """A transaction that sees this tenant's rows alone, when the pool's role is `app`. Raises TenantBusy too."""
    async with pool.turns.turn(tenant_id), transaction(pool) as connection:
        await connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant_id,))
        yield connection


@asynccontextmanager
async def look_up(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction whose statements find rows by index alone, whatever the planner thinks it knows of a table's size."""
    async with transaction(pool) as connection:
        await connection.execute(load_sql(__package__, "by_index"))
        yield connection


async def execute(connection: Connection, statement: str, parameters: Parameters = None) -> int:
    """Run one statement that was loaded from a file; the number of rows it touched."""
    return (await connection.execute(statement, parameters)).rowcount


async def fetch_all(connection: Connection, statement: str, parameters: Parameters = None) -> list[Any]:
    """All rows, as tuples."""
    return await (await connection.execute(statement, parameters)).fetchall()


async def fetch_one(connection: Connection, statement: str, parameters: Parameters = None) -> Any:
    """The first row as a tuple, or None."""
    return await (await connection.execute(statement, parameters)).fetchone()


async def copy(connection: Connection, statement: str, stream: bytes) -> None:
    """Send a finished COPY stream (`COPY ... FROM STDIN (FORMAT binary)`)."""
    async with connection.cursor() as cursor, cursor.copy(statement) as copying:
        await copying.write(stream)
