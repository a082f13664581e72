"""However much long work there is, a round of the loop is short."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from itertools import groupby

from gateway.http.loop_scheduler import DROPPED_AT_ONCE, ROUND_SECONDS, TURN_SECONDS, LoopScheduler, drop_all


class Clock:
    """Time that passes only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def rounds(clock: Clock, until: asyncio.Future[list[None]]) -> list[float]:
    """What was worked in each round of the loop."""
    spent = []
    while not until.done():
        before = clock.now
        await asyncio.sleep(0)
        spent.append(clock.now - before)
    return spent


def work(clock: Clock, seconds: float, steps: int) -> Iterator[None]:
    for _ in range(steps):
        clock.now += seconds
        yield


async def test_many_with_long_work_share_the_rounds() -> None:
    clock = Clock()
    scheduler = LoopScheduler(clock)
    everything = asyncio.gather(*(scheduler.run(work(clock, 0.004, 10), "t") for _ in range(30)))
    spent = await rounds(clock, everything)
    assert max(spent) <= ROUND_SECONDS + 0.004
    assert abs(clock.now - 30 * 10 * 0.004) < 1e-6


async def test_short_steps_do_not_wait_for_a_round_each() -> None:
    clock = Clock()
    scheduler = LoopScheduler(clock)
    spent = await rounds(clock, asyncio.gather(*(scheduler.run(work(clock, ROUND_SECONDS / 25, 1), "t") for _ in range(20))))
    assert len(spent) < 10


async def test_a_fault_leaves_the_turn_to_others() -> None:
    def broken() -> Generator[None, None, int]:
        yield
        raise KeyError("x")

    def whole() -> Generator[None, None, int]:
        yield
        return 7

    scheduler = LoopScheduler(Clock())
    results = await asyncio.gather(
        scheduler.run_to_result(broken(), "t"), scheduler.run_to_result(whole(), "t"), return_exceptions=True
    )
    assert isinstance(results[0], KeyError) and results[1] == 7


async def test_short_steps_of_a_request_follow_each_other_and_then_others_have_the_turn() -> None:
    clock, order = Clock(), list[str]()

    def steps(name: str) -> Iterator[None]:
        for _ in range(20):
            order.append(name)
            clock.now += TURN_SECONDS / 10
            yield

    scheduler = LoopScheduler(clock)
    await asyncio.gather(scheduler.run(steps("a"), "a"), scheduler.run(steps("b"), "b"))
    assert ["".join(group) for _, group in groupby(order)] == ["a" * 10, "b" * 10] * 2


async def test_tenants_take_turns_however_many_requests_each_has() -> None:
    clock, done = Clock(), list[str]()

    def steps(tenant: str) -> Iterator[None]:
        for _ in range(10):
            done.append(tenant)
            clock.now += ROUND_SECONDS
            yield

    scheduler = LoopScheduler(clock)
    many = [scheduler.run(steps("many"), "many") for _ in range(50)]
    await asyncio.gather(*many, scheduler.run(steps("one"), "one"))
    assert done.count("one") == 10 and done[:22].count("one") >= 9, "every second turn, as if there were two requests"


async def test_a_long_list_is_emptied_a_few_entries_at_a_time() -> None:
    entries = list(range(DROPPED_AT_ONCE * 3))
    lengths = [len(entries) for _ in drop_all(entries)]
    assert lengths == [DROPPED_AT_ONCE * 2, DROPPED_AT_ONCE, 0]
    kept = list(range(DROPPED_AT_ONCE * 3))
    await LoopScheduler().drop(kept, "t")
    assert kept == []
