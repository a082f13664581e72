"""The way out to Kafka: a batch's outputs, back when the last one is acknowledged.

In: outputs. Out: nothing, or `Undelivered` when one of them was refused; then the process is to end without acknowledging
its inputs. A few records go through the outbox, at once; many (a public event per message) through the producer for
many, which costs half per record.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.kafka.burst_outbox import BurstOutbox
from infra.kafka.outbox import DeliveryError, Outbox
from infra.kafka.records import ProducerRecord
from streams.handler import Undelivered

MANY = 256


class KafkaOutlet:
    """Delivers through two producers; to be made inside a running loop."""

    def __init__(self, outbox: Outbox, bulk: BurstOutbox) -> None:
        self._outbox = outbox
        self._bulk = bulk

    async def deliver(self, outputs: Sequence[ProducerRecord]) -> None:
        """Return when Kafka has acknowledged them all. Raises Undelivered."""
        try:
            if len(outputs) >= MANY:
                await self._bulk.send_all(outputs)
            elif outputs:
                await self._outbox.send_all(outputs)
        except DeliveryError as fault:
            raise Undelivered(str(fault)) from fault
