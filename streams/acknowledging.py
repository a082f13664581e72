"""Inputs are acknowledged in order, each batch once nothing of its outputs is under way.

In: batches of inputs, each with what is left of its outputs, if anything is. Out: `ack` for each input, in order. At most
`MOST_OPEN` batches wait, then whoever adds one waits too. Wrong: what is left of a batch fails: that fault is raised by
`run`, and neither that batch nor any behind it is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

MOST_OPEN = 64


class InOrder:
    """To be made inside a running loop; `run` goes on beside whoever adds."""

    def __init__(self, ack: Callable[[Any], Awaitable[Any]]) -> None:
        self._ack = ack
        self._open: asyncio.Queue[tuple[Sequence[Any], Awaitable[None] | None]] = asyncio.Queue(MOST_OPEN)
        self._unacknowledged = 0

    async def add(self, inputs: Sequence[Any], rest: Awaitable[None] | None) -> None:
        """Acknowledge these behind all that were added before, once `rest` is done."""
        if rest is None and not self._unacknowledged:
            await self._ack_all(inputs)
            return
        self._unacknowledged += 1
        await self._open.put((inputs, rest))

    async def run(self) -> None:
        """Acknowledge what was added, for ever."""
        while True:
            inputs, rest = await self._open.get()
            if rest is not None:
                await rest
            await self._ack_all(inputs)
            self._unacknowledged -= 1

    async def _ack_all(self, inputs: Sequence[Any]) -> None:
        for one in inputs:
            await self._ack(one)
