"""Databases of a test's own: migrated once a server, copied for each test, always one ahead.

In: the address of a PostgreSQL. Out: a URL of a fresh database with the present shape, dropped afterwards; what tables
hold, as text that can be compared.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from infra.postgres import migrate

_templates: dict[str, str] = {}
_spares: dict[str, Future[str]] = {}
_beside = ThreadPoolExecutor(1, thread_name_prefix="databases")


@contextmanager
def fresh_database(server: str, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a database that nobody else uses."""
    name = _spare(server) if migrated else _copy(server, "template1")
    try:
        yield at(server, name)
    finally:
        _as_admin(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def kept_database(server: str) -> str:
    """The URL of one that ends with its server."""
    return at(server, _spare(server))


def contents(url: str, tables: Sequence[str], *, tenant: str | None = None) -> dict[str, list[str]]:
    """The rows of these tables as JSON text, in a fixed order; with a tenant, as the app's role sees them."""
    with psycopg.connect(url) as connection:
        if tenant is not None:
            connection.execute("SET ROLE sluice_app")
            connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant,))
        return {
            table: [
                row[0]
                for row in connection.execute(
                    sql.SQL("SELECT row_to_json(t)::text AS row FROM {} t ORDER BY row").format(sql.Identifier(table))
                )
            ]
            for table in tables
        }


def add_tenant(url: str, tenant: str, *, balance: int = 1_000_000, reserved: int = 0) -> None:
    """A tenant with an account."""
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant, f"tenant {tenant[:8]}"))
        connection.execute(
            "INSERT INTO balances (tenant, balance, credited, reserved) VALUES (%s, %s, %s, %s)",
            (tenant, balance, balance, reserved),
        )


def at(server: str, database: str) -> str:
    """The URL of a database of this server."""
    parts = urlsplit(server)
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))


def _spare(server: str) -> str:
    """The copy that was made while the test before ran; the next one is made meanwhile."""
    template = _template(server)
    ready = _spares.pop(server, None)
    name = ready.result() if ready else _copy(server, template)
    _spares[server] = _beside.submit(_copy, server, template)
    return name


def _copy(server: str, template: str) -> str:
    name = f"t_{secrets.token_hex(6)}"
    _as_admin(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    return name


def _template(server: str) -> str:
    if server not in _templates:
        name = f"template_{secrets.token_hex(6)}"
        _as_admin(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        migrate.upgrade(at(server, name))
        _templates[server] = name
    return _templates[server]


def _as_admin(server: str, statement: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)
