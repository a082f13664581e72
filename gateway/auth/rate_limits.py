"""How many requests a tenant may make a second, over all gateways: the generic cell rate algorithm, in Redis.

Enters: accounts with a limit. Leaves: a `Standing`, whose headers every answer carries (`RateLimit`, `RateLimit-Policy`,
draft 10 of the HTTPAPI working group), or 429 with `Retry-After` before anything was looked at, so that no idempotency key
is used up. A gateway takes as many requests ahead as a tenth of a second may have, so that Redis is asked ten times a
second and not for each; what it does not use by then is lost to nobody but the tenant. Redis away: nobody is held back.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

from gateway.auth.accounts import Account, Limit
from gateway.http.problem import Problem
from gateway.redis_batches import RedisBatches, RedisDown
from infra.redis.client import load_script
from infra.telemetry.metrics import Metrics

AHEAD_SECONDS = 0.1
MICROSECONDS = 1_000_000


class Standing(NamedTuple):
    """What is left of a tenant's limit. `left`: requests of the burst; `reset`: seconds until it is whole again."""

    limit: Limit
    left: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        window = math.ceil(self.limit.burst / self.limit.rate)
        return {
            "RateLimit-Policy": f'"tenant";q={self.limit.burst};w={window}',
            "RateLimit": f'"tenant";r={self.left};t={self.reset}',
        }


@dataclass(slots=True)
class _Ahead:
    """Requests that this gateway has taken ahead, until when, and how things stand behind them."""

    cells: int = 0
    until: float = 0.0
    standing: Standing | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimits:
    """The limits of all tenants. `clock`: seconds that never go back."""

    def __init__(self, redis: RedisBatches, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._metrics = metrics
        self._clock = clock
        self._ahead: dict[str, _Ahead] = {}

    def take_ahead(self, account: Account) -> Standing | None:
        """One request of those that were taken ahead; None: Redis has to be asked."""
        if account.limit is None:
            return None
        ahead = self._ahead.get(account.tenant)
        if ahead is None or ahead.standing is None or ahead.standing.limit != account.limit:
            return None
        if ahead.cells < 1 or self._clock() >= ahead.until:
            return None
        ahead.cells -= 1
        return ahead.standing._replace(left=ahead.standing.left + ahead.cells)

    def give_back(self, account: Account) -> None:
        """The request that was taken is asked for once more, by somebody else."""
        ahead = self._ahead.get(account.tenant)
        if account.limit is not None and ahead is not None:
            ahead.cells += 1

    async def take(self, account: Account) -> Standing | None:
        """One request; None where nothing limits it. Raises Problem: 429."""
        if account.limit is None:
            return None
        ahead = self._ahead.setdefault(account.tenant, _Ahead())
        standing = self.take_ahead(account)
        if standing is not None:
            return standing
        async with ahead.asking:
            standing = self.take_ahead(account)
            return standing if standing is not None else await self._ask(account, account.limit, ahead)

    async def _ask(self, account: Account, limit: Limit, ahead: _Ahead) -> Standing | None:
        wanted = max(1, min(limit.burst, int(limit.rate * AHEAD_SECONDS)))
        try:
            granted, left, reset, wait = await self._redis.run(
                load_script("gateway.auth", "take_cells"),
                [f"sluice:rate:{account.tenant}"],
                [str(limit.rate), limit.burst, wanted],
            )
        except RedisDown:
            self._metrics.count("sluice_dependency_failures_total", "redis")
            return None
        ahead.standing = Standing(limit, left, math.ceil(reset / MICROSECONDS))
        if granted < 1:
            seconds = max(1, math.ceil(wait / MICROSECONDS))
            raise Problem(
                429,
                "rate_limited",
                f"this account may make {limit.rate:g} requests a second, {limit.burst} at once; try again in {seconds} s",
                headers={"Retry-After": str(seconds), **ahead.standing.headers},
            )
        ahead.cells, ahead.until = granted - 1, self._clock() + AHEAD_SECONDS
        return ahead.standing._replace(left=left + ahead.cells)


RATE_LIMITS: web.AppKey[RateLimits] = web.AppKey("rate_limits", RateLimits)
