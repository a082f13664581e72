"""Credit for one-time codes: drawn in memory on an allowance that was reserved in PostgreSQL beforehand.

In: asks. Out: grants that name the allowance (`lease`) they were drawn on; every other lane, tenants with caps, and
whatever the allowance cannot pay, go to the accounts. An allowance is opened at a tenant's first one-time code and raised
in the background when half of it is drawn, so that with PostgreSQL away codes go on while it lasts; only then `PortDown`.
Its rest is given back by the releaser when it was not raised for 25 hours; this process stops drawing an hour before. A
repeat within the process draws nothing twice; a process that dies leaves its rest to the releaser.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from infra.postgres.pool import DatabaseDown, Pool, execute, fetch_all, transaction
from infra.postgres.sql import load_sql
from schemas.values.lanes import Lane
from streams.ports import Credit, CreditAsk, CreditGrant, PortDown

log = structlog.get_logger()

LIFE_MS = 25 * 3_600_000
DRAWN_MS = 24 * 3_600_000
MESSAGES = 1_000
SHARE = 10
REMEMBERED = 50_000


@dataclass(slots=True)
class Allowance:
    """What may still be drawn on a lease, until when; `full`: what was left after the last raise."""

    lease: str
    left: int
    full: int
    good_until: int


class AllowanceCredit:
    """One-time codes on allowances, the rest on `accounts`. `clock` in milliseconds."""

    def __init__(
        self, accounts: Credit, pool: Pool, clock: Callable[[], int], fresh: Callable[[], str] = lambda: str(uuid.uuid4())
    ) -> None:
        self._accounts = accounts
        self._pool = pool
        self._clock = clock
        self._fresh = fresh
        self._allowances: dict[str, Allowance] = {}
        self._drawn: OrderedDict[tuple[str, str, int, int, int], CreditGrant] = OrderedDict()
        self._raising: dict[str, asyncio.Task[None]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def reserve(self, asks: Sequence[CreditAsk]) -> list[CreditGrant]:
        """One grant per ask, in order. Raises PortDown."""
        grants: dict[int, CreditGrant] = {}
        for n, ask in enumerate(asks):
            if ask.lane == Lane.OTP and ask.caps is None and (grant := await self._on_allowance(ask)) is not None:
                grants[n] = grant
        others = [n for n in range(len(asks)) if n not in grants]
        if others:
            grants |= zip(others, await self._accounts.reserve([asks[n] for n in others]), strict=True)
        return [grants[n] for n in range(len(asks))]

    async def _on_allowance(self, ask: CreditAsk) -> CreditGrant | None:
        """Draw; None when the account has not enough for an allowance that pays all of it."""
        key = (ask.tenant, ask.chunk, ask.round, ask.price_class, ask.positions)
        known = self._drawn.get(key)
        if known is not None:
            return known
        cost = ask.price * sum(ask.segments)
        if self._left(ask.tenant) < cost:
            await self._raise(ask.tenant, cost, ask.price)
            if self._left(ask.tenant) < cost:
                return None
        allowance = self._allowances[ask.tenant]
        allowance.left -= cost
        if allowance.left < allowance.full // 2 and ask.tenant not in self._raising:
            task = asyncio.create_task(self._raise_quietly(ask.tenant, ask.price), name="allowance")
            self._raising[ask.tenant] = task
        grant = self._drawn[key] = CreditGrant(positions=ask.positions, lease=allowance.lease)
        if len(self._drawn) > REMEMBERED:
            self._drawn.popitem(last=False)
        return grant

    def _left(self, tenant: str) -> int:
        allowance = self._allowances.get(tenant)
        return 0 if allowance is None or allowance.good_until <= self._clock() else allowance.left

    async def _raise_quietly(self, tenant: str, price: int) -> None:
        try:
            await self._raise(tenant, 0, price)
        except PortDown as fault:
            log.warning(
                "an allowance could not be raised; codes go on with the rest",
                action="allowance_not_raised",
                fault=str(fault),
            )
        finally:
            self._raising.pop(tenant, None)

    async def _raise(self, tenant: str, cost: int, price: int) -> None:
        """Reserve more under the lease, at least `cost`, usually for a thousand messages but a tenth of the account.

        One at a time: a raise that another one overtook would forget what that one reserved, and what was drawn since.
        """
        async with self._turns[tenant]:
            if not cost or self._left(tenant) < cost:
                await self._reserve_more(tenant, cost, price)

    async def _reserve_more(self, tenant: str, cost: int, price: int) -> None:
        old = self._allowances.get(tenant)
        usable = old if old is not None and old.good_until > self._clock() else None
        now = self._clock()
        try:
            async with transaction(self._pool) as connection:
                found = await fetch_all(connection, load_sql(__package__ or "", "credit_balances"), ([tenant],))
                available = found[0][1] if found else 0
                amount = max(cost, min(available // SHARE, MESSAGES * price))
                if not 0 < amount <= available:
                    return
                wanted = {
                    "tenant": tenant,
                    "amount": amount,
                    "expires_at": now + LIFE_MS,
                    "lease": usable.lease if usable is not None else "",
                }
                if usable is None or not await execute(connection, load_sql(__package__ or "", "allowance_raise"), wanted):
                    usable = None
                    wanted["lease"] = self._fresh()
                    await execute(connection, load_sql(__package__ or "", "allowance_open"), wanted)
                await execute(connection, load_sql(__package__ or "", "credit_move"), [[tenant], [amount]])
        except DatabaseDown as fault:
            raise PortDown(f"no allowance: {fault}") from fault
        left = amount + (usable.left if usable is not None else 0)
        self._allowances[tenant] = Allowance(str(wanted["lease"]), left, left, now + DRAWN_MS)
