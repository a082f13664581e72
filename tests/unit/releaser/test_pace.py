"""The releaser's pauses: short after an event, long in idleness, cut short by an event, none once the role ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from connectors.releaser.pace import IDLE_SECONDS, LIVELY_SECONDS, Pace
from tests.support.virtual_time import VirtualTimeLoop

SHORT = 0.1
T = TypeVar("T")


def played(play: Coroutine[Any, Any, T]) -> T:
    """What it gives, on a clock that jumps."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(play)


def test_pauses_are_short_while_something_goes_on_and_long_afterwards() -> None:
    async def play() -> list[float]:
        now = asyncio.get_running_loop().time
        pace, lasted = Pace(now), []
        for before in (0.0, LIVELY_SECONDS / 2, LIVELY_SECONDS):
            await asyncio.sleep(before)
            began = now()
            await pace.pause(SHORT)
            lasted.append(round(now() - began, 3))
        return lasted

    assert played(play()) == [SHORT, SHORT, IDLE_SECONDS]


def test_an_event_ends_a_long_pause_at_once() -> None:
    async def play() -> float:
        loop = asyncio.get_running_loop()
        pace = Pace(loop.time)
        await asyncio.sleep(LIVELY_SECONDS)
        began = loop.time()
        loop.call_later(0.2, pace.quicken)
        await pace.pause(SHORT)
        return round(loop.time() - began, 3)

    assert played(play()) == 0.2


def test_an_event_leaves_short_pauses_as_they_are() -> None:
    async def play() -> float:
        loop = asyncio.get_running_loop()
        pace = Pace(loop.time)
        loop.call_later(0.02, pace.quicken)
        began = loop.time()
        await pace.pause(SHORT)
        return round(loop.time() - began, 3)

    assert played(play()) == SHORT


def test_the_end_of_the_role_ends_every_pause() -> None:
    async def play() -> float:
        loop = asyncio.get_running_loop()
        pace = Pace(loop.time)
        short = asyncio.create_task(pace.pause(SHORT))
        await asyncio.sleep(0)
        pace.end()
        await short
        await asyncio.sleep(LIVELY_SECONDS)
        began = loop.time()
        await pace.pause(SHORT)
        return loop.time() - began

    assert played(play()) == 0
