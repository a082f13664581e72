"""No tenant has more than its share of a pool's connections at a time: slow queries of one leave room for the others.

In: a tenant that wants a connection. Out: its turn, for as long as the block lasts. Who has its share already waits for one
of its own to end, at most `seconds`; then `TenantBusy`. Where nobody's ended well meanwhile it is PostgreSQL that stands
still: `psycopg.OperationalError`. In memory, of one process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg


class TenantBusy(psycopg.OperationalError):
    """This tenant has all the connections that it may have, and none of them became free. For who can do without PostgreSQL
    it is the same as PostgreSQL away."""


class TenantTurns:
    """Of one pool. `most`: connections of one tenant at a time."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}
        self._ended = 0

    @property
    def known(self) -> int:
        """Tenants of which something is remembered: those that have or want a connection."""
        return len(self._slots)

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """The block is one of the tenant's connections. Raises TenantBusy."""
        slots = self._slots.setdefault(tenant, asyncio.Semaphore(self._most))
        self._users[tenant] = self._users.get(tenant, 0) + 1
        try:
            if slots.locked():
                await self._wait(slots)
            else:
                await slots.acquire()  # at once, without a timer
            try:
                yield
                self._ended += 1
            finally:
                slots.release()
        finally:
            self._users[tenant] -= 1
            if not self._users[tenant]:
                del self._users[tenant], self._slots[tenant]

    async def _wait(self, slots: asyncio.Semaphore) -> None:
        before = self._ended
        try:
            async with asyncio.timeout(self._seconds):
                await slots.acquire()
        except TimeoutError:
            if self._ended == before:
                raise psycopg.OperationalError("PostgreSQL answers nobody") from None
            raise TenantBusy(f"{self._most} connections of this tenant are in use") from None
