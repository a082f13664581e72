"""Senders and networks with rates of their own at a carrier: what goes when. Redis as its script says, in virtual time."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.contract import Accepted, Result, Submit
from connectors.dispatch.narrow_tokens import NarrowTokens
from infra.redis.client import RedisDown
from infra.redis.tokens import largest_lease
from schemas.records.slice import Columns
from schemas.rules.narrow_rates import Buckets, NarrowRates
from schemas.values.lanes import Lane
from tests.support.dispatch.harness import SenderHarness
from tests.support.waiting import until

SHOP, OTHER = "SHOP", "ACME"


class RedisTokens:
    """Buckets as `tokens_narrow.lua` has them, on the loop's clock."""

    def __init__(self) -> None:
        self.levels: dict[str, tuple[float, float]] = {}
        self.down = False
        self.asked = 0

    async def lease(self, carrier: str, lane: str, want: int, rate: float, request_id: str) -> int:
        return (await self.lease_narrow(carrier, lane, [((), want)], rate, request_id))[0]

    async def lease_narrow(
        self, carrier: str, lane: str, groups: Sequence[tuple[Buckets, int]], rate: float, request_id: str
    ) -> list[int]:
        self.asked += 1
        if self.down:
            raise RedisDown("away")
        rates = {"": rate} | {bucket.name: bucket.rate for bounds, _ in groups for bucket in bounds}
        free = {name: self._free(name, one) for name, one in rates.items()}
        free[""] = min(free[""], largest_lease(rate))
        granted = []
        for bounds, want in groups:
            names = ["", *(bucket.name for bucket in bounds)]
            tokens = min(want, *(free[name] for name in names))
            for name in names:
                free[name] -= tokens
                level, at = self.levels[name]
                self.levels[name] = level - tokens, at
            granted.append(tokens)
        return granted

    def _free(self, name: str, rate: float) -> int:
        now = asyncio.get_running_loop().time()
        level, at = self.levels.get(name, (0.0, now))
        most = max(1.0, rate * 0.05) + min(0.9, rate * 0.1)
        level = min(most, level + (now - at) * rate)
        self.levels[name] = level, now
        return int(level + 0.000001) if rate > 0 else 0


class Narrow(SenderHarness):
    """A sender whose carrier's log says when each segment came."""

    def __init__(self, rates: NarrowRates, *, rate: float = 100, **given: Any) -> None:
        super().__init__(rate=rate, narrow=rates, **given)
        self.redis: Any = RedisTokens()
        self.sender._supply._leases._tokens = self.redis
        self.came: list[tuple[float, str, str, int]] = []
        self.carrier.answer = self._answer
        self._chunks = 0

    def _answer(self, one: Submit) -> Result:
        count = one.part_count or one.parts - one.first_part
        self.came.append((asyncio.get_running_loop().time(), one.sender, one.destination, count))
        return Accepted(ref=one.ref, ids=self.carrier.ids(one))

    def put(self, size: int, sender: str, *, first: int = 491510000000, **given: Any) -> None:
        """A chunk of this sender to consecutive numbers."""
        self._chunks += 1
        columns = Columns(to=array("Q", range(first, first + size)).tobytes(), variables={}, refs=None)
        chunk = f"chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_{self._chunks}"
        self.add(size, sender=sender, chunk=chunk, columns=columns, **given)

    def times(self, matches: Callable[[str, str], bool]) -> list[float]:
        """When segments came, one entry each."""
        return [at for at, sender, to, count in self.came if matches(sender, to) for _ in range(count)]

    def of(self, sender: str) -> list[float]:
        return self.times(lambda one, _to: one == sender)


async def run_for(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await until(lambda: loop.time() >= end, seconds + 1)


def most_in(times: Sequence[float], window: float) -> int:
    """The most that came in any half-open window."""
    return max((sum(at <= one < at + window for one in times) for at in times), default=0)


def held_to(times: Sequence[float], rate: float, seconds: float) -> bool:
    """Never more than the rate and one lease in any window, and with a backlog 99 % of what is allowed."""
    lease = max(1.0, rate * 0.05)
    bounded = all(most_in(times, window) <= rate * window + lease + 0.000001 for window in (1.0, 2.0, 5.0, 10.0))
    return bounded and len(times) >= math.floor(0.99 * rate * (seconds - 1 / rate - 0.2))


async def test_a_sender_keeps_to_its_rate_and_holds_nobody_back() -> None:
    env = Narrow(NarrowRates(senders={SHOP: 5}))
    env.put(500, SHOP)
    for number in range(5):
        env.put(500, OTHER, first=491520000000 + 1000 * number)
    await run_for(20)
    assert held_to(env.of(SHOP), 5, 20), len(env.of(SHOP))
    assert held_to(sorted(env.of(SHOP) + env.of(OTHER)), 100, 20), len(env.came)


async def test_every_sender_has_a_bucket_of_its_own() -> None:
    env = Narrow(NarrowRates(sender=5, senders={"LOUD": 20}))
    for name in ("ONE", "TWO", "LOUD"):
        env.put(400, name)
    await run_for(10)
    assert held_to(env.of("ONE"), 5, 10) and held_to(env.of("TWO"), 5, 10) and held_to(env.of("LOUD"), 20, 10)


async def test_a_network_in_the_middle_of_a_chunk_holds_nobody_back() -> None:
    env = Narrow(NarrowRates(networks={"4915": 100, "49151000000": 0.5}))
    env.put(20, OTHER, first=491509999990)  # the last ten lie in the narrow network
    await until(lambda: len(env.came) >= 10)
    assert sum(to.startswith("4915099") for _, _, to, _ in env.came) == 10
    await run_for(15)
    narrow = env.times(lambda _sender, to: to.startswith("49151000000"))
    assert held_to(narrow, 0.5, 15), narrow
    await until(lambda: len(env.settled()) == 20, 60)


async def test_sender_and_network_bound_a_message_together() -> None:
    env = Narrow(NarrowRates(senders={SHOP: 4}, networks={"49": 6}))
    env.put(300, SHOP, first=491510000000)
    env.put(300, OTHER, first=491520000000)
    env.put(300, SHOP, first=441510000000)
    await run_for(20)
    assert held_to(env.of(SHOP), 4, 20)
    assert held_to(env.times(lambda _sender, to: to.startswith("49")), 6, 20)


async def test_a_sender_is_stopped_and_goes_on_while_everything_runs() -> None:
    env = Narrow(NarrowRates(senders={SHOP: 0}))
    env.put(100, SHOP)
    env.put(500, OTHER)
    await run_for(4)
    assert env.of(SHOP) == [] and len(env.of(OTHER)) >= 300
    await until(lambda: len(env.of(OTHER)) == 500, 10)
    asked = env.redis.asked
    await run_for(60)
    assert env.redis.asked <= asked + 1, "nobody is asked for a sender that is stopped"
    env.sender.limit(NarrowRates(senders={SHOP: 20}))
    await run_for(3)
    first = env.of(SHOP)
    assert held_to(first, 20, 3)
    env.sender.limit(NarrowRates())
    await until(lambda: len(env.of(SHOP)) == 100, 2)


async def test_segments_are_paid_to_every_bucket() -> None:
    env = Narrow(NarrowRates(senders={SHOP: 3}))
    env.put(20, SHOP, body="x" * 400, segments=bytes([3]) * 20)
    env.put(500, OTHER, first=491520000000)
    await until(lambda: len(env.of(SHOP)) == 60, 40)
    assert held_to(env.of(SHOP), 3, 20)
    assert len(env.of(OTHER)) == 500


@pytest.mark.parametrize("rate", [0.5, 3, 40])
async def test_a_carrier_that_takes_messages_whole_waits_for_all_their_tokens(rate: float) -> None:
    env = Narrow(NarrowRates(senders={SHOP: rate}), whole=True)
    env.put(10, SHOP, body="x" * 400, segments=bytes([3]) * 10)
    env.put(500, OTHER, first=491520000000)
    await run_for(30)
    times = env.of(SHOP)
    assert len(times) == min(30, 3 * int((30 * rate + 1) / 3)) or 0.97 * 30 * rate - 3 <= len(times) <= 30 * rate + 1
    assert most_in(times, 10.0) <= rate * 10 + max(1.0, rate * 0.05) + 2, "what is saved is less than a message"
    assert len(env.of(OTHER)) == 500


async def test_without_redis_every_bucket_is_slower() -> None:
    env = Narrow(NarrowRates(senders={SHOP: 5}))
    env.redis.down = True
    env.put(100, SHOP)
    env.put(1000, OTHER, first=491520000000)
    await run_for(10)
    assert 15 <= len(env.of(SHOP)) <= 5 * 0.4 * 10 + 2
    assert most_in(sorted(env.of(SHOP) + env.of(OTHER)), 1.0) <= 100 * 0.4 + 5


async def test_a_carrier_without_such_rates_asks_as_ever() -> None:
    env = Narrow(NarrowRates())
    assert env.sender._supply.narrow is None
    batch = env.add(10)
    await until(lambda: len(env.came) == 10)
    assert batch.waiting == 0 and env.sender.queue.next_batch(lambda _batch: None) is None


def test_the_carriers_token_of_a_narrow_one_is_kept_for_it_until_both_are_dropped() -> None:
    """Or whoever has no bound would use it up, and the narrow one would be lost."""
    rates = NarrowRates(senders={SHOP: 5})
    tokens, group = NarrowTokens(rates), rates.of_sender(SHOP)
    tokens.granted([(group, 1), ((), 4)], [1, 4], share=1.0, now=1.0, until=2.0)
    assert (tokens.free((), 5, 1.0), tokens.free(group, 5, 1.0)) == (4, 1)
    tokens.spend(group, 1, 1.0)
    assert (tokens.free((), 4, 1.0), tokens.free(group, 4, 1.0)) == (4, 0)
    tokens.granted([(group, 1)], [1], share=1.0, now=1.1, until=2.0)
    assert tokens.free(group, 5, 1.1) == 0, "it is not its time yet"
    assert (tokens.free((), 5, 1.1), tokens.free((), 5, 2.0), tokens.free(group, 5, 2.0)) == (4, 5, 0)


BUCKET = st.floats(min_value=0.1, max_value=2000)


@given(rate=BUCKET, steps=st.lists(st.tuples(st.floats(min_value=0, max_value=3), st.integers(0, 200)), max_size=60))
def test_here_too_nothing_goes_beyond_rate_and_lease(rate: float, steps: list[tuple[float, int]]) -> None:
    """Whatever is granted, as when Redis was emptied: in any window no more than the rate and a lease."""
    [bucket] = NarrowRates(senders={SHOP: rate}).of_sender(SHOP)
    group, now, gone = (bucket,), 100.0, list[tuple[float, int]]()
    tokens = NarrowTokens(NarrowRates(senders={SHOP: rate}))
    for pause, grant in steps:
        now += pause
        tokens.granted([(group, grant)], [grant], share=1.0, now=now, until=now + 10)
        count = tokens.free(group, 10_000, now)
        tokens.spend(group, count, now)
        gone.append((now, count))
    for first, (begin, _) in enumerate(gone):
        total = 0
        for at, count in gone[first:]:
            total += count
            assert total <= rate * (at - begin) + max(1.0, rate * 0.05) + min(0.9, rate * 0.02) + 0.001


async def test_what_is_left_of_a_sender_whose_rate_was_lowered_does_not_fill_the_carrier() -> None:
    """It lies here for an hour; whoever asks for the carrier's room is told half a second of it."""
    env = Narrow(NarrowRates(senders={"LOUD": 50}), rate=0)
    env.put(25, "LOUD")
    env.put(25, "LOUD")
    env.put(10, OTHER)
    queue, lane = env.sender.queue, Lane.MARKETING
    assert sum(queue.costs(lane).values()) == 25 + 10, "as much as there was room for"
    env.sender.limit(NarrowRates(senders={"LOUD": 4}))
    assert sorted(queue.costs(lane).values()) == [0, 2, 10], "all are named: they are there"
    env.sender.limit(NarrowRates(senders={"LOUD": 0}))
    assert sorted(queue.costs(lane).values()) == [0, 0, 10]
    env.sender.limit(NarrowRates())
    assert sorted(queue.costs(lane).values()) == [10, 25, 25]


async def test_room_of_a_message_is_counted_in_all_its_buckets() -> None:
    env = Narrow(NarrowRates(senders={SHOP: 20}, networks={"4915": 4}), rate=0)
    env.put(10, SHOP)
    env.put(30, SHOP, first=491720000000)
    assert sorted(env.sender.queue.costs(Lane.MARKETING).values()) == [2, 8]
