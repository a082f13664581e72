"""Tokens for one carrier: leased from Redis, and while Redis is away granted at a cautious rate of our own.

In: lane, how many messages wait, the contract's rate. Out: tokens granted and the rate at which they are to be spent.
Without Redis the two pools that may send to a carrier share four fifths of the rate. A carrier that is stopped (rate 0) is
granted nothing, and nobody is asked. Where senders or networks have rates of their own, tokens are granted by group:
messages that the same buckets bound. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from infra.redis.client import RedisDown
from infra.redis.tokens import largest_lease, rate_without_redis
from schemas.rules.narrow_rates import Buckets
from schemas.values.lanes import Lane

WORKERS = 2
"""Processes that may send to one carrier at a time: one a pool."""


class TokenSource(Protocol):
    """`infra.redis.tokens.Tokens`."""

    async def lease(self, carrier: str, lane: str, want: int, rate: float, request_id: str) -> int: ...
    async def lease_narrow(
        self, carrier: str, lane: str, groups: Sequence[tuple[Buckets, int]], rate: float, request_id: str
    ) -> list[int]: ...


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

    async def ask_narrow(self, lane: Lane, groups: Sequence[tuple[Buckets, int]], rate: float) -> tuple[list[int], float]:
        """(tokens by group, segments per second at which to spend them; if slower than `rate`, all buckets are)."""
        if rate <= 0 or not groups:
            return [0] * len(groups), rate
        most = largest_lease(rate)
        wanted = [(bounds, min(want, most)) for bounds, want in groups]
        try:
            return await self._tokens.lease_narrow(self._carrier, lane, wanted, rate, self._request_id()), rate
        except RedisDown:
            slower = rate_without_redis(rate, WORKERS)
            return within(max(1, largest_lease(slower)), [want for _, want in wanted]), slower


def within(most: int, wanted: Sequence[int]) -> list[int]:
    """What each gets of so many, the first ones first."""
    granted = []
    for want in wanted:
        granted.append(min(want, most))
        most -= granted[-1]
    return granted
