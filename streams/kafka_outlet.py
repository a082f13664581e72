"""The way out to Kafka: a batch's outputs and public events.

In: outputs, and blocks of public events. Out: what is still under way when the records that somebody waits for are
acknowledged, or `Undelivered` when one was refused; then the process is to end without acknowledging its inputs. What a
message waits for on its way (a slice for a carrier, the waiting room, a retry) goes at once. A few records of what only
tells of it (events, money, public events) leave together with those of other batches, in one request: one a partition is
most of what a single message costs the broker. Many public events go as ready-made batches, a quarter of the cost a record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.outbox import DeliveryError, Outbox
from infra.kafka.patient_outbox import PatientOutbox
from infra.kafka.records import ProducerRecord
from schemas.records.topics import DELIVERY_RECEIPTS, USAGE, events
from schemas.values.lanes import Lane
from streams.handler import PublicBlock, Undelivered, public_records

MANY = 64
MAY_WAIT = frozenset({DELIVERY_RECEIPTS, USAGE, *map(events, Lane)})
"""Topics that tell of a message and that no message waits for."""


class KafkaOutlet:
    """Delivers through three producers; to be made inside a running loop. `may_wait`: topics that nobody waits for."""

    def __init__(
        self, outbox: Outbox, batches: BatchOutbox, patient: PatientOutbox, may_wait: Collection[str] = MAY_WAIT
    ) -> None:
        self._outbox = outbox
        self._batches = batches
        self._patient = patient
        self._may_wait = may_wait

    async def deliver(
        self, outputs: Sequence[ProducerRecord], public: Sequence[PublicBlock] = ()
    ) -> asyncio.Future[None] | None:
        """Return when what somebody waits for is acknowledged; the rest, if it is under way, raises Undelivered too."""
        ways: list[asyncio.Future[None]] = []
        if sum(len(block.bodies) for block in public) >= MANY:
            blocks = [(block.events.keys, block.bodies) for block in public]
            ways.append(asyncio.ensure_future(self._batches.send_all(DELIVERY_RECEIPTS, blocks)))
        elif public:
            outputs = [*outputs, *public_records(public)]
        rest: asyncio.Future[None] | None = None
        if 0 < len(outputs) < MANY:
            later = [record for record in outputs if record.topic in self._may_wait]
            if later:
                outputs = [record for record in outputs if record.topic not in self._may_wait]
                rest = asyncio.ensure_future(_delivered(self._patient.add(later)))
        if outputs:
            ways.append(self._outbox.send_all(outputs))
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(outcome, DeliveryError):
                raise Undelivered(str(outcome)) from outcome
            if isinstance(outcome, BaseException):
                raise outcome
        return rest


async def _delivered(way: asyncio.Future[None]) -> None:
    try:
        await way
    except DeliveryError as fault:
        raise Undelivered(str(fault)) from fault
