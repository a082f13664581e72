"""The way out to Kafka: a burst's outputs through one producer, back when the last one is acknowledged.

In: outputs. Out: nothing, or `Undelivered` as soon as one of them was refused; then the process is to end without
acknowledging its inputs. Long bursts give the loop a turn now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from infra.kafka.outbox import Outbox
from streams.stage import Output, Undelivered

TURN = 2_000


class KafkaOutlet:
    """Delivers through an outbox; to be made inside a running loop."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def deliver(self, outputs: Sequence[Output]) -> None:
        """Return when Kafka has acknowledged them all. Raises Undelivered."""
        if not outputs:
            return
        tally = _Tally(len(outputs), asyncio.get_running_loop().create_future())
        post, report = self._outbox.post, tally.report
        for begin in range(0, len(outputs), TURN):
            for output in outputs[begin:begin + TURN]:
                post(output.topic, output.key, output.value, output.headers, output.partition, report)
            await asyncio.sleep(0)
        await tally.done


class _Tally:
    """Counts the reports of one burst."""

    __slots__ = ("_left", "done")

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self._left = count
        self.done = done

    def report(self, error: str | None, _partition: int, _offset: int) -> None:
        self._left -= 1
        if self.done.done():
            return
        if error is not None:
            self.done.set_exception(Undelivered(error))
        elif self._left == 0:
            self.done.set_result(None)
