"""The way out to Kafka for records that nobody waits for: those of a moment leave together, in one request.

In: records of several topics, each with a key. Out: a future a call, done when Kafka has acknowledged its records, with
`DeliveryError` when it has not; nobody knows then which of them stand there. In order: what is given later leaves later.
A process that is killed in the meantime loses what it has gathered, so offsets of inputs may move only behind that future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.records import ProducerRecord


class PatientOutbox:
    """To be used inside one running loop. `linger`: seconds that records wait for others."""

    def __init__(self, batches: BatchOutbox, linger: float) -> None:
        self._batches = batches
        self._linger = linger
        self._gathered: list[ProducerRecord] = []
        self._leaving: asyncio.Task[None] | None = None

    def add(self, records: Sequence[ProducerRecord]) -> asyncio.Future[None]:
        """These records, to leave soon."""
        self._gathered += records
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(), name="patient-records")
        # One task for all who wait: none of them may end it for the others.
        return asyncio.shield(self._leaving)

    async def open(self, topics: Collection[str]) -> None:
        """Connect, before there are records. Raises DeliveryError."""
        await self._batches.open(topics)

    async def _leave(self) -> None:
        await asyncio.sleep(self._linger)
        records, self._gathered, self._leaving = self._gathered, [], None
        await self._batches.send_records(records)
