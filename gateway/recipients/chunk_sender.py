"""Chunks of an upload on their way to Kafka, a few records in flight at a time.

Enters: chunks as they are finished. Leaves: records on `ingest-<lane>`; `finish` returns once Kafka has all. Raises Problem
503 when Kafka does not acknowledge.
"""

from __future__ import annotations

import asyncio

from gateway.ingest import Ingest
from schemas.records.slice import Slice

CHUNKS_AT_ONCE = 100
RECORDS_IN_FLIGHT = 4


class ChunkSender:
    """The way of one upload."""

    def __init__(self, ingest: Ingest, traceparent: str) -> None:
        self._ingest = ingest
        self._traceparent = traceparent
        self._ready: list[Slice] = []
        self._running: list[asyncio.Task[None]] = []

    async def send(self, chunks: list[Slice]) -> None:
        """Hand these over; waits while too much is unacknowledged."""
        self._ready += chunks
        if len(self._ready) >= CHUNKS_AT_ONCE:
            self._go()
        while len(self._running) >= RECORDS_IN_FLIGHT:
            await self._running[0]
            del self._running[0]
        # Others have their turn between two blocks of lines.
        await asyncio.sleep(0)

    async def finish(self, chunks: list[Slice]) -> None:
        """Return when Kafka has everything."""
        self._ready += chunks
        if self._ready:
            self._go()
        for task in self._running:
            await task

    def _go(self) -> None:
        slices, self._ready = self._ready, []
        self._running.append(asyncio.create_task(self._ingest.put_chunks(slices, self._traceparent)))
