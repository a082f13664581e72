"""The way out to Kafka: a batch's outputs and public events, back when the last one is acknowledged.

In: outputs, and blocks of public events. Out: nothing, or `Undelivered` when one of them was refused; then the process is to
end without acknowledging its inputs. A few public events are records like the others, at once and in the same requests; many
go as ready-made batches, which costs a quarter per record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.outbox import DeliveryError, Outbox
from infra.kafka.records import ProducerRecord
from schemas.records.topics import DELIVERY_RECEIPTS
from streams.handler import PublicBlock, Undelivered, public_records

MANY = 64


class KafkaOutlet:
    """Delivers through two producers; to be made inside a running loop."""

    def __init__(self, outbox: Outbox, batches: BatchOutbox) -> None:
        self._outbox = outbox
        self._batches = batches

    async def deliver(self, outputs: Sequence[ProducerRecord], public: Sequence[PublicBlock] = ()) -> None:
        """Return when Kafka has acknowledged them all. Raises Undelivered."""
        ways: list[asyncio.Future[None]] = []
        if sum(len(block.bodies) for block in public) >= MANY:
            blocks = [(block.events.keys, block.bodies) for block in public]
            ways.append(asyncio.ensure_future(self._batches.send_all(DELIVERY_RECEIPTS, blocks)))
        elif public:
            outputs = [*outputs, *public_records(public)]
        if outputs:
            ways.append(self._outbox.send_all(outputs))
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(outcome, DeliveryError):
                raise Undelivered(str(outcome)) from outcome
            if isinstance(outcome, BaseException):
                raise outcome
