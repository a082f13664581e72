"""Tokens for one carrier: leased from Redis, and while Redis is away granted at a cautious rate of our own.

In: lane, how many messages wait, the contract's rate. Out: tokens granted and the rate at which they are to be spent.
Without Redis the two pools that may send to a carrier share four fifths of the rate. A carrier that is stopped (rate 0) is
granted nothing, and nobody is asked. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from infra.redis.client import RedisDown
from infra.redis.tokens import largest_lease, rate_without_redis
from schemas.values.lanes import Lane

WORKERS = 2
"""Processes that may send to one carrier at a time: one a pool."""


class TokenSource(Protocol):
    """`infra.redis.tokens.Tokens`."""

    async def lease(self, carrier: str, lane: str, want: int, rate: float, request_id: str) -> int: ...


class Leases:
    """Of one carrier. `request_id` must never repeat, over all processes."""

    def __init__(self, carrier: str, tokens: TokenSource, request_id: Callable[[], str]) -> None:
        self._carrier = carrier
        self._tokens = tokens
        self._request_id = request_id

    async def ask(self, lane: Lane, wanted: int, rate: float) -> tuple[int, float]:
        """(tokens, segments per second at which to spend them)."""
        if rate <= 0:
            return 0, rate
        want = max(1, min(wanted, largest_lease(rate)))
        try:
            return await self._tokens.lease(self._carrier, lane, want, rate, self._request_id()), rate
        except RedisDown:
            slower = rate_without_redis(rate, WORKERS)
            return max(1, min(wanted, largest_lease(slower))), slower
