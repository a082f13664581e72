"""A tenant's money at this moment, from PostgreSQL. Raises `DatabaseDown`."""

from __future__ import annotations

from typing import NamedTuple

from infra.postgres.pool import Pool, fetch_one, tenant_transaction
from infra.postgres.sql import load_sql


class Money(NamedTuple):
    """Ten-thousandths of the installation's currency."""

    balance: int
    reserved: int

    @property
    def available(self) -> int:
        """What a new message may cost."""
        return self.balance - self.reserved


async def read_balance(pool: Pool, tenant: str) -> Money | None:
    """The tenant's money; None without a row."""
    async with tenant_transaction(pool, tenant) as connection:
        row = await fetch_one(connection, load_sql("gateway.balance", "read_balance"), {"tenant": tenant})
    return None if row is None else Money(*row)
