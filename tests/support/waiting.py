"""Waiting for a condition instead of for a time: each fails the test with what it waited for when that does not come.

In: a condition, how long at most. Out: nothing, as soon as it holds. A pause between two looks, because nothing wakes us.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0


async def until(condition: Callable[[], object], seconds: float = 30.0, pause: float = 0.002) -> None:
    """Return when `condition` holds; AssertionError after `seconds`. `pause` between two looks."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(pause)


async def turns(count: int = 50) -> None:
    """Let everything that is due on the loop happen, `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return when `condition` holds; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
