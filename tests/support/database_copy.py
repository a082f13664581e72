"""A database as it was a while ago: what an operator has who must fall back to an older copy.

In: a database in use. Out: a copy of all its tables beside them, and later the tables as the copy has them, in one moment.
Roles stay connected and are not told. A transaction that loses against theirs is tried again.
"""

from __future__ import annotations

import psycopg
from psycopg import errors, sql

from tests.support.running import until

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
COLUMNS = (
    "SELECT column_name FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position"
)
PATIENCE_SECONDS = 30.0


def copy_database(url: str) -> None:
    """All tables as they are at one moment."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("CREATE SCHEMA before")
        for table in _tables(connection):
            name = sql.Identifier(table)
            connection.execute(sql.SQL("CREATE TABLE before.{} AS TABLE public.{}").format(name, name))


def set_back(url: str) -> None:
    """The tables as they were when they were copied."""
    until(lambda: _set_back(url), PATIENCE_SECONDS, "no deadlock with the roles")


def _set_back(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica")
            tables = _tables(connection)
            names = sql.SQL(", ").join(sql.Identifier("public", table) for table in tables)
            connection.execute(sql.SQL("TRUNCATE {}").format(names))
            for table in tables:
                columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in connection.execute(COLUMNS, (table,)))
                name = sql.Identifier(table)
                copied = sql.SQL("INSERT INTO public.{} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM before.{}")
                connection.execute(copied.format(name, columns, columns, name))
            connection.execute("DROP SCHEMA before CASCADE")
    except errors.DeadlockDetected:
        return False
    return True


def _tables(connection: psycopg.Connection[tuple[str]]) -> list[str]:
    return [name for (name,) in connection.execute(TABLES)]
