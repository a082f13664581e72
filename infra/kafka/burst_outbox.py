"""The way out to Kafka for bursts of many records: the client says what failed, and silence about the rest is success.

In: a burst of records. Out: nothing once Kafka has acknowledged all of them, or `DeliveryError` with the first fault. A
report of success per record would cost about as much as producing it (5 us with the headers of a public event), so this
producer is told to report faults alone, and a burst is over when its queue is empty. One burst at a time. Bursts are
public events: they leave compressed as their topics keep them, so that the broker has nothing to do anew (decision 15).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from infra.kafka.client import KafkaException, make_producer
from infra.kafka.outbox import DeliveryError
from infra.kafka.records import ProducerRecord

TURN = 2_000


class BurstOutbox:
    """A producer of its own; to be made inside a running loop."""

    def __init__(self, bootstrap: str, client_id: str, *, linger_ms: float = 0, compression: str = "uncompressed") -> None:
        self._producer = make_producer(
            bootstrap, client_id, linger_ms=linger_ms, report_faults_only=True, compression=compression
        )
        self._one_at_a_time = asyncio.Lock()

    async def send_all(self, records: Sequence[ProducerRecord]) -> None:
        """Return when Kafka has acknowledged them all. Raises DeliveryError."""
        faults: list[str] = []

        def failed(error: Any, message: Any) -> None:
            faults.append(f"{message.topic()}: {error}")

        async with self._one_at_a_time:
            produce: Any = self._producer.produce
            for begin in range(0, len(records), TURN):
                try:
                    for topic, key, value, headers, partition in records[begin : begin + TURN]:
                        produce(topic, value, key, partition, failed, headers=headers or None)
                except (BufferError, KafkaException) as fault:
                    faults.append(f"not taken by the client: {fault}")
                    break
                await asyncio.sleep(0)
            await asyncio.to_thread(self._producer.flush)
        if faults:
            raise DeliveryError(faults[0])
