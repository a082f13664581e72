"""Tokens of a carrier and of its senders and networks in one call, on a real Redis, with the time passed in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.redis.client import Redis
from infra.redis.tokens import Tokens, largest_lease
from schemas.rules.narrow_rates import Bucket, Buckets

pytestmark = pytest.mark.stack
T0 = 1_800_000_000_000
NUMBERS = itertools.count()
SHOP, BANK, GERMANY = Bucket("s:SHOP", 5.0), Bucket("s:BANK", 40.0), Bucket("n:49", 0.5)
GROUPS: list[Buckets] = [(), (SHOP,), (BANK,), (GERMANY,), (SHOP, GERMANY), (BANK, GERMANY)]
WANTED = st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 400), min_size=1)


async def levels(redis: Redis, carrier: str, buckets: Sequence[str]) -> list[float]:
    """What is left in the carrier's bucket and in these."""
    keys = [f"tokens:{{{carrier}}}", *(f"tokens:{{{carrier}}}:{name}" for name in buckets)]
    return [float(found or 0) for found in await redis.commands([("HGET", key, "level") for key in keys])]


def over(grants: Sequence[tuple[float, int]], rate: float) -> bool:
    """Whether in any window more was granted than the rate and one lease (with what is kept beside a full bucket)."""
    most = max(1.0, rate * 0.05) + min(0.9, rate * 0.1)
    for first, (begin, _) in enumerate(grants):
        total = 0
        for at, count in grants[first:]:
            total += count
            if total > rate * (at - begin) / 1000 + most + 0.001:
                return True
    return False


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rate=st.sampled_from([3.0, 100.0, 2000.0]),
    asks=st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(["otp", "marketing"]), WANTED), max_size=25),
)
async def test_no_bucket_ever_gives_more_than_rate_and_lease_or_without_the_others(
    redis: Redis, name: str, rate: float, asks: list[tuple[int, str, dict[Buckets, int]]]
) -> None:
    tokens, carrier, now = Tokens(redis), f"{name}-{next(NUMBERS)}", T0
    rates = {"": rate} | {bucket.name: bucket.rate for bucket in (SHOP, BANK, GERMANY)}
    given_by: dict[str, list[tuple[float, int]]] = {bucket: [] for bucket in rates}
    for number, (pause, lane, wanted) in enumerate(asks):
        now += pause
        groups = list(wanted.items())
        # A first call that wants nothing fills the buckets up to now: the second one shows what was taken, and no more.
        await tokens.lease_narrow(carrier, lane, [(group, 0) for group, _ in groups], rate, f"look{number}", now)
        before = await levels(redis, carrier, [bucket.name for bucket in (SHOP, BANK, GERMANY)])
        granted = await tokens.lease_narrow(carrier, lane, groups, rate, f"r{number}", now)
        after = await levels(redis, carrier, [bucket.name for bucket in (SHOP, BANK, GERMANY)])
        assert all(0 <= one <= want for one, (_, want) in zip(granted, groups, strict=True))
        assert sum(granted) <= largest_lease(rate)
        for place, bucket in enumerate(rates):
            taken = sum(
                one
                for one, (group, _) in zip(granted, groups, strict=True)
                if not bucket or bucket in [bound.name for bound in group]
            )
            given_by[bucket].append((now, taken))
            assert before[place] - after[place] == pytest.approx(taken, abs=0.001)
    assert [bucket for bucket, grants in given_by.items() if over(grants, rates[bucket])] == []


async def test_what_one_bucket_has_not_the_others_keep(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    await tokens.lease_narrow(name, "otp", [((SHOP, GERMANY), 1)], 100, "start", T0)
    assert await tokens.lease_narrow(name, "otp", [((SHOP, GERMANY), 9), ((), 9)], 100, "a", T0 + 1000) == [0, 5]
    assert await levels(redis, name, ["s:SHOP", "n:49"]) == pytest.approx([0.9, 1.5, 0.5], abs=0.01)
    assert await tokens.lease_narrow(name, "otp", [((SHOP, GERMANY), 9), ((SHOP,), 9)], 100, "b", T0 + 2000) == [1, 0]


async def test_the_first_groups_are_served_first_and_a_request_once(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    await tokens.lease_narrow(name, "otp", [((BANK,), 1), ((SHOP,), 1)], 60, "start", T0)
    asked: list[tuple[Buckets, int]] = [((SHOP,), 5), ((BANK,), 5), ((), 5)]
    assert await tokens.lease_narrow(name, "otp", asked, 60, "same", T0 + 1000) == [1, 2, 0]
    assert await tokens.lease_narrow(name, "otp", asked, 60, "same", T0 + 2000) == [1, 2, 0]
    assert await tokens.lease(name, "otp", 5, 60, "plain", T0 + 1000) == 0, "the carrier's bucket is the same one"


async def test_a_bucket_that_is_stopped_gives_nothing_and_takes_nothing(redis: Redis, name: str) -> None:
    tokens, stopped = Tokens(redis), Bucket("s:SHOP", 0.0)
    await tokens.lease_narrow(name, "otp", [((SHOP,), 1)], 100, "start", T0)
    assert await tokens.lease_narrow(name, "otp", [((stopped,), 5), ((), 5)], 100, "a", T0 + 1000) == [0, 5]
    assert await tokens.lease_narrow(name, "otp", [((SHOP,), 5)], 100, "b", T0 + 1200) == [1]


async def test_a_steady_taker_gets_the_whole_of_a_narrow_rate(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    granted = [await tokens.lease_narrow(name, "otp", [((SHOP,), 1)], 100, f"r{n}", T0 + 50 * n) for n in range(401)]
    assert 99 <= sum(sum(one) for one in granted) <= 100
