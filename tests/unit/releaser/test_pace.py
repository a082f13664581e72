"""The releaser's pauses: short after an event, long in idleness, cut short by an event, none once the role ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from connectors.releaser.pace import IDLE_SECONDS, LIVELY_SECONDS, Pace
from tests.support.virtual_time import VirtualTimeLoop

SHORT = 0.1
T = TypeVar("T")


class Clock:
    """What the pace reads; it stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def played(play: Coroutine[Any, Any, T]) -> T:
    """What it gives, on a loop whose time jumps."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(play)


def paces(idle: bool) -> tuple[Clock, Pace]:
    """One to which nothing has happened for long, or just now."""
    clock = Clock()
    pace = Pace(clock)
    clock.now = LIVELY_SECONDS if idle else 0.0
    return clock, pace


async def lasts(pace: Pace) -> float:
    """Seconds of the loop that one short pause takes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pace.pause(SHORT)
    return round(loop.time() - began, 3)


def test_pauses_are_short_while_something_goes_on_and_long_afterwards() -> None:
    async def play() -> list[float]:
        clock, pace = paces(idle=False)
        lasted = []
        for clock.now in (0.0, LIVELY_SECONDS / 2, LIVELY_SECONDS):
            lasted.append(await lasts(pace))
        pace.quicken()
        return [*lasted, await lasts(pace)]

    assert played(play()) == [SHORT, SHORT, IDLE_SECONDS, SHORT]


def test_an_event_ends_a_long_pause_at_once() -> None:
    async def play() -> float:
        _, pace = paces(idle=True)
        asyncio.get_running_loop().call_later(0.2, pace.quicken)
        return await lasts(pace)

    assert played(play()) == 0.2


def test_an_event_leaves_short_pauses_as_they_are() -> None:
    async def play() -> float:
        _, pace = paces(idle=False)
        asyncio.get_running_loop().call_later(0.02, pace.quicken)
        return await lasts(pace)

    assert played(play()) == SHORT


def test_the_end_of_the_role_ends_every_pause() -> None:
    async def play(*, idle: bool) -> list[float]:
        _, pace = paces(idle)
        asyncio.get_running_loop().call_later(0.02, pace.end)
        return [await lasts(pace), await lasts(pace)]

    assert [played(play(idle=idle)) for idle in (False, True)] == [[0.02, 0.0], [0.02, 0.0]]
