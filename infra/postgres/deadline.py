"""Connections whose server may stand still: frozen, it takes what is sent and never answers; its own time-outs do not run.

In: the seconds that one answer may take; None: as long as it likes. Out: `DatabaseDown` from whatever waits longer, with the
connection closed, since nobody knows how far the server got. A wait that is cancelled closes it too: the driver would ask
the server, which does not hear, to cancel the statement, and wait for that.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.waiting import wait_async

CHECK_SECONDS = 1.0
INTERVAL_SECONDS = 0.1
Result = TypeVar("Result")


class DeadlineConnection(AsyncConnection[Any]):
    """A connection that waits for each answer as long as `answer_seconds` says."""

    answer_seconds: float | None = None

    async def wait(self, gen: PQGen[Result], interval: float = INTERVAL_SECONDS, timeout: float | None = None) -> Result:
        """What the server answers. Every statement, also BEGIN and COMMIT, waits here."""
        if self.answer_seconds is None:
            return await super().wait(gen, interval, timeout)
        try:
            async with asyncio.timeout(self.answer_seconds):
                return await wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except TimeoutError:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"PostgreSQL has not answered for {self.answer_seconds:g} s") from None
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


async def check(connection: DeadlineConnection) -> None:
    """Return when the server answers at once; a caller who waits for a connection cannot wait longer."""
    if connection.answer_seconds is None:
        await connection.execute("")
        return
    async with asyncio.timeout(CHECK_SECONDS):
        await connection.execute("")
