"""Batches of records, each handled in its turn; marketing that comes to the process of codes has turns of its own.

In: batches as the consumer gives them. Out: each handled, those of a topic in their order; `done` once what may not wait is.
Marketing waits where only PostgreSQL can tell what was sent before, codes never do: with one queue they would wait behind
it. What waits so is what the carriers had room for before: with PostgreSQL away no more of it comes. Raises what `handle`
raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from infra.kafka.records import ConsumerRecord
from schemas.records.topics import DISPATCH_SHARED

Handle = Callable[[Sequence[ConsumerRecord]], Awaitable[None]]


class RecordTurns:
    """`came`: there is something to handle. `done`: of a batch all is handled but shared topics' records."""

    def __init__(self, handle: Handle, came: Callable[[], None], done: Callable[[], None]) -> None:
        self._handle = handle
        self._came = came
        self._done = done
        self._own: asyncio.Queue[list[ConsumerRecord]] = asyncio.Queue()
        self._shared: asyncio.Queue[list[ConsumerRecord]] = asyncio.Queue()

    def put(self, records: list[ConsumerRecord]) -> None:
        """A batch was read."""
        shared = [record for record in records if record.topic == DISPATCH_SHARED]
        if shared:
            self._shared.put_nowait(shared)
            records = [record for record in records if record.topic != DISPATCH_SHARED]
        self._own.put_nowait(records)  # without any, too: the batch is counted

    async def handle_own(self) -> None:
        """For ever: what comes by the topics of this pool."""
        while True:
            records = await self._own.get()
            self._came()
            await self._handle(records)
            self._done()

    async def handle_shared(self) -> None:
        """For ever: what comes beside them."""
        while True:
            records = await self._shared.get()
            self._came()
            await self._handle(records)
