"""PostgreSQL's NOTIFY as a call: whoever polls a table may poll seldom and be told when there is something.

In: a channel. Out: `wake()` on the loop when a notification has come, and each time the connection was made anew, since
what was said meanwhile is lost. Goes wrong: PostgreSQL away, or a connection that dies unnoticed: nobody is woken, so
whoever is woken polls all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from infra.postgres.pool import DatabaseDown

AGAIN_SECONDS = 1.0


class WakeUps:
    """One connection that listens."""

    def __init__(self, url: str, channel: str, wake: Callable[[], None]) -> None:
        self._url = url
        self._channel = channel
        self._wake = wake

    async def listen(self) -> None:
        """Until canceled."""
        while True:
            with suppress(DatabaseDown):
                await self._listen_once()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen_once(self) -> None:
        """Return when the connection has ended. Raises DatabaseDown."""
        connection: AsyncConnection[Any] = await AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=3,
            application_name="sluice-wake-ups",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
        )
        async with connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            self._wake()
            await self._until_ended(connection.pgconn)

    async def _until_ended(self, server: Any) -> None:
        # The driver's own iterator of notifications looks ten times a second whether there is one.
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def read() -> None:
            try:
                server.consume_input()
            except psycopg.OperationalError:
                ended.set()
                return
            told = False
            while server.notifies() is not None:
                told = True
            if told:
                self._wake()

        loop.add_reader(server.socket, read)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(server.socket)
