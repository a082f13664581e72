"""The database's own history: brings any database from any earlier shape to the present one.

In: the operator's URL (a superuser, or the database's owner with CREATEROLE). Out: the migrations that were applied.
Migrations are SQL files in `migrations/`, each in one transaction, recorded by yoyo in the database itself. Two that
start at once wait for each other by an advisory lock, which ends with its connection, so a killed one leaves no lock. A
migration that cannot get a table's lock within five seconds fails and leaves everything as it was: run it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import psycopg
import yoyo
from psycopg.conninfo import conninfo_to_dict
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

_LOCK = 0x51_01_CE  # any number, the same in every process


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    def execute(self, sql: str, params: Any = None) -> Any:
        """As yoyo's, but a statement without parameters goes out as it is."""
        if params:
            return super().execute(sql, params)
        # Trap: with an empty mapping psycopg takes every % in the text for a placeholder.
        return self.connection.execute(sql)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    """Names of the migrations that the database has, and of those it still needs, in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def upgrade(url: str) -> tuple[str, ...]:
    """Apply what is missing; the names of what was applied. Raises psycopg.Error when the database refuses."""
    with _one_at_a_time(url), _history(url) as (backend, migrations):
        missing = backend.to_apply(migrations)
        backend.apply_migrations(missing)
        return tuple(migration.id for migration in missing)


def status(url: str) -> MigrationStatus:
    """What the database has and what it lacks; changes nothing but yoyo's own tables."""
    with _one_at_a_time(url), _history(url) as (backend, migrations):
        pending = tuple(migration.id for migration in backend.to_apply(migrations))
        return MigrationStatus(
            applied=tuple(m.id for m in migrations if m.id not in pending),
            pending=pending,
        )


def rollback(url: str) -> tuple[str, ...]:
    """Undo every migration, newest first, all data included; for tests and for `db` repairs by hand."""
    with _one_at_a_time(url), _history(url) as (backend, migrations):
        present = backend.to_rollback(migrations)
        backend.rollback_migrations(present)
        return tuple(migration.id for migration in present)


@contextmanager
def _one_at_a_time(url: str) -> Iterator[None]:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        yield


@contextmanager
def _history(url: str) -> Iterator[tuple[Any, Any]]:
    given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    port = given.pop("port", None)
    address = DatabaseURI(
        "postgresql+psycopg",
        given.pop("user", None),
        given.pop("password", None),
        given.pop("host", None),
        int(port) if port else None,
        given.pop("dbname", ""),
        {**given, "options": _options(given.get("options"))},
    )
    with as_file(files("infra.postgres.migrations")) as folder:
        backend = _Backend(address, "_yoyo_migration")
        try:
            backend.init_database()
            yield backend, yoyo.read_migrations(str(folder)).filter(lambda migration: migration.is_raw_sql())
        finally:
            backend.connection.close()


def _options(given: str | None) -> str:
    return f"{given or ''} -c lock_timeout=5s".strip()
