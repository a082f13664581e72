"""However much long work there is, a round of the loop is short."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator

from gateway.http.loop_scheduler import ROUND_SECONDS, LoopScheduler


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
    everything = asyncio.gather(*(scheduler.run(work(clock, 0.004, 10)) for _ in range(30)))
    spent = await rounds(clock, everything)
    assert max(spent) <= ROUND_SECONDS + 0.004
    assert abs(clock.now - 30 * 10 * 0.004) < 1e-6


async def test_short_steps_do_not_wait_for_a_round_each() -> None:
    clock = Clock()
    scheduler = LoopScheduler(clock)
    spent = await rounds(clock, asyncio.gather(*(scheduler.run(work(clock, 0.0001, 1)) for _ in range(20))))
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
        scheduler.run_to_result(broken()), scheduler.run_to_result(whole()), return_exceptions=True
    )
    assert isinstance(results[0], KeyError) and results[1] == 7
