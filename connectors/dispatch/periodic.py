"""What dispatch does again and again beside its work: always at the same pace, or seldom while nothing goes on.

In: what is to be done, and how one knows that something goes on. Out: it is done until the task is canceled. Goes wrong:
whatever `do` or `report` raises ends the task. A loop that wakes twenty times a second to find nothing was a quarter of
what an idle process took.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

QUIET_SECONDS = 0.25


async def every(seconds: float, do: Callable[[], Awaitable[None]]) -> None:
    """`do` again and again, until canceled."""
    while True:
        await asyncio.sleep(seconds)
        await do()


async def report_often(
    seconds: float, report: Callable[[], Awaitable[None]], lively: Callable[[], bool], came: asyncio.Event
) -> None:
    """`report` again and again, until canceled; seldom while not `lively`, until something has come."""
    while True:
        await asyncio.sleep(seconds)
        came.clear()
        await report()
        if not lively():
            with suppress(TimeoutError):
                await asyncio.wait_for(came.wait(), QUIET_SECONDS)
