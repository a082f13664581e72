"""The way out to Kafka: a burst's outputs through one producer, back when the last one is acknowledged.

In: outputs. Out: nothing, or `Undelivered` as soon as one of them was refused; then the process is to end without
acknowledging its inputs. Long bursts give the loop a turn now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from infra.kafka.outbox import DeliveryError, Outbox
from streams.stage import Output, Undelivered

TURN = 2_000


class KafkaOutlet:
    """Delivers through an outbox; to be made inside a running loop."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def deliver(self, outputs: Sequence[Output]) -> None:
        """Return when Kafka has acknowledged them all. Raises Undelivered."""
        acknowledged = []
        for begin in range(0, len(outputs), TURN):
            acknowledged.append(self._outbox.send_all(outputs[begin:begin + TURN]))
            await asyncio.sleep(0)
        try:
            for turn in acknowledged:
                await turn
        except DeliveryError as fault:
            raise Undelivered(str(fault)) from fault
