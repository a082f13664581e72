"""Leases with and without Redis."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.dispatch.leases import WORKERS, Leases
from infra.redis.client import RedisDown
from schemas.rules.narrow_rates import Bucket, Buckets
from schemas.values.lanes import Lane


class Source:
    """Redis that answers, or is away."""

    def __init__(self, answer: int | None) -> None:
        self.asked: list[tuple[str, str, int, float, str]] = []
        self._answer = answer

    async def lease(self, carrier: str, lane: str, want: int, rate: float, request_id: str) -> int:
        self.asked.append((carrier, lane, want, rate, request_id))
        if self._answer is None:
            raise RedisDown("away")
        return min(want, self._answer)

    async def lease_narrow(
        self, carrier: str, lane: str, groups: Sequence[tuple[Buckets, int]], rate: float, request_id: str
    ) -> list[int]:
        return [await self.lease(carrier, lane, want, rate, request_id) for _, want in groups]


async def test_at_most_one_lease_is_asked_for_and_only_what_waits() -> None:
    source = Source(100)
    leases = Leases("acme", source, iter(["a", "b", "c"]).__next__)
    assert await leases.ask(Lane.OTP, 3, 1000) == (3, 1000)
    assert await leases.ask(Lane.MARKETING, 1000, 1000) == (50, 1000)
    assert await leases.ask(Lane.MARKETING, 1000, 2) == (1, 2)
    assert [(lane, want, request) for _, lane, want, _, request in source.asked] == [
        ("otp", 3, "a"),
        ("marketing", 50, "b"),
        ("marketing", 1, "c"),
    ]


async def test_without_redis_all_workers_together_stay_below_the_rate() -> None:
    count, rate = await Leases("acme", Source(None), lambda: "x").ask(Lane.OTP, 1000, 1000)
    assert rate * WORKERS == 800
    assert count == 20


async def test_groups_share_one_lease_without_redis() -> None:
    shop, bank = (Bucket("s:SHOP", 5),), (Bucket("s:BANK", 50),)
    granted, rate = await Leases("acme", Source(None), lambda: "x").ask_narrow(Lane.OTP, [(shop, 4), (bank, 100)], 1000)
    assert granted == [4, 16] and rate == 400
    assert await Leases("acme", Source(9), lambda: "x").ask_narrow(Lane.OTP, [(shop, 4), (bank, 100)], 1000) == (
        [4, 9],
        1000,
    )
    assert await Leases("acme", Source(None), lambda: "x").ask_narrow(Lane.OTP, [(shop, 4)], 0) == ([0], 0)


async def test_a_carrier_that_is_stopped_gets_nothing_and_nobody_is_asked() -> None:
    for source in (Source(100), Source(None)):
        assert await Leases("acme", source, lambda: "x").ask(Lane.OTP, 1000, 0) == (0, 0)
        assert source.asked == []
