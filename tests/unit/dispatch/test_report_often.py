"""What waits in dispatch is told often while something goes on, seldom else, and soon after something has come."""

from __future__ import annotations

import asyncio

import pytest

from connectors.dispatch import periodic
from connectors.dispatch.periodic import report_often


async def _counted(lively: bool, came: asyncio.Event, turns: int) -> tuple[int, asyncio.Task[None]]:
    told = 0

    async def report() -> None:
        nonlocal told
        told += 1

    task = asyncio.create_task(report_often(0, report, lambda: lively, came))
    for _ in range(turns):
        await asyncio.sleep(0)
    return told, task


async def test_while_lively_nothing_is_waited_for() -> None:
    told, task = await _counted(True, asyncio.Event(), 50)
    task.cancel()
    assert told > 10


async def test_quiet_it_rests_until_something_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "QUIET_SECONDS", 3600)
    told: list[int] = []
    came, again = asyncio.Event(), asyncio.Event()

    async def report() -> None:
        told.append(len(told))
        if len(told) > 1:
            again.set()

    task = asyncio.create_task(report_often(0, report, lambda: False, came))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(told) == 1
    came.set()
    await asyncio.wait_for(again.wait(), 5)
    task.cancel()


async def test_what_came_while_it_was_told_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "QUIET_SECONDS", 3600)
    came, again = asyncio.Event(), asyncio.Event()
    told = 0

    async def report() -> None:
        nonlocal told
        told += 1
        if told == 1:
            came.set()
        else:
            again.set()

    task = asyncio.create_task(report_often(0, report, lambda: False, came))
    await asyncio.wait_for(again.wait(), 5)
    task.cancel()
    assert told == 2
