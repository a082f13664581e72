"""One connection to PostgreSQL for a thread that writes batch after batch: sinks, the checker, tests.

In: the operator's URL and the statements that prepare a fresh connection (staging tables). Out: transactions whose
`Writer` runs statements, reads rows and takes COPY streams made by `infra.postgres.binary`. A connection that broke is
dropped and made anew by the next transaction. `DatabaseDown` when PostgreSQL is away; every other fault of a statement is
`StatementError`, its transaction rolled back; see `faults.py` for whose fault it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from infra.postgres.faults import values_told_apart
from infra.postgres.pool import DatabaseDown

__all__ = ["DatabaseDown", "NotMigrated", "Session", "StatementError", "Writer"]

StatementError = psycopg.Error
NotMigrated = psycopg.ProgrammingError
"""A table, column or right is missing: the database has another shape than this version needs."""
Parameters = Sequence[object] | Mapping[str, object] | None


class Writer:
    """What may be done inside a transaction. Results come in PostgreSQL's binary form, as Python values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Parameters = None) -> int:
        """Run a statement; the number of rows it touched."""
        return self._connection.execute(statement, parameters, binary=True).rowcount

    def rows(self, statement: str, parameters: Parameters = None) -> list[Any]:
        """All rows, as tuples."""
        return self._connection.execute(statement, parameters, binary=True).fetchall()

    def stream(self, statement: str, parameters: Parameters = None) -> Iterator[Any]:
        """Row after row by a cursor on the server, for results larger than memory should hold."""
        with self._connection.cursor(name="stream", binary=True) as cursor:
            cursor.itersize = 500
            cursor.execute(statement, parameters)
            yield from cursor

    def copy(self, statement: str, stream: bytes) -> None:
        """Send a finished COPY stream (`COPY ... FROM STDIN (FORMAT binary)`)."""
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(stream)


class Session:
    """A connection that is made when needed; to be used by one thread at a time."""

    def __init__(self, url: str, *, prepare: Sequence[str] = (), name: str = "sluice-sinks") -> None:
        self._url = url
        self._prepare = prepare
        self._name = name
        self._connection: psycopg.Connection[Any] | None = None

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Writer]:
        """Commits at the end of the block, rolls back when it raises. `snapshot`: all reads see one moment."""
        try:
            connection = self._connected()
            with values_told_apart(), connection.transaction():
                if snapshot:
                    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield Writer(connection)
        except psycopg.InterfaceError as fault:
            self.close()
            raise DatabaseDown(f"the connection broke: {fault}") from fault
        except psycopg.OperationalError:
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=3,
                application_name=self._name,
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
            )
            try:
                for statement in ("SET client_min_messages = warning", *self._prepare):
                    connection.execute(statement)
            except psycopg.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection
