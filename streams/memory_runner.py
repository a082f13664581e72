"""The runner without Kafka, for unit tests: topics are lists, an offset is a place in one.

In: records appended by the test. Out: what the stage wrote, and which inputs are acknowledged. It keeps the same promise
as the real one: an input is acknowledged only after all outputs of its batch were delivered; `Undelivered` and `BrakeOn`
end it, as they would end the process, and `restart` begins again at the first input that is not acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infra.kafka.records import ConsumerRecord, ProducerRecord
from streams.handler import Handler, PublicBlock, Undelivered, public_records
from streams.runner import BRAKE, Runner


class MemoryTopics:
    """An outlet that keeps what it is given; `fail_next` deliveries fail without keeping anything."""

    def __init__(self) -> None:
        self.written: list[ProducerRecord] = []
        self.fail_next = 0

    async def deliver(self, outputs: Sequence[ProducerRecord], public: Sequence[PublicBlock] = ()) -> None:
        """Keep them, or fail."""
        if self.fail_next:
            self.fail_next -= 1
            raise Undelivered("told to fail")
        self.written += outputs
        self.written += public_records(public)

    def on(self, topic: str) -> list[ProducerRecord]:
        """What was written to this topic."""
        return [output for output in self.written if output.topic == topic]


class MemoryRunner:
    """One stage on one input topic of one partition."""

    def __init__(
        self,
        make: Callable[[], Handler],
        *,
        topic: str = "in",
        clock: Callable[[], int] = lambda: 0,
        batch: int = 64,
        brake: int = BRAKE,
    ) -> None:
        self.topics = MemoryTopics()
        self.acknowledged = 0
        self._make = make
        self._topic = topic
        self._clock = clock
        self._batch = batch
        self._brake = brake
        self._inputs: list[ConsumerRecord] = []
        self.restart()

    def restart(self) -> None:
        """A new process: nothing in memory but what the topics hold."""
        self._runner = Runner(self._make(), self.topics, service="streams", clock=self._clock, brake=self._brake)

    def send(self, value: bytes | None, key: bytes | None = None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Append a record to the input."""
        self._inputs.append(ConsumerRecord(self._topic, 0, len(self._inputs), 1_000, key, value, headers))

    async def drain(self) -> None:
        """Handle everything that is not acknowledged. Raises Undelivered or BrakeOn."""
        while batch := self._inputs[self.acknowledged : self.acknowledged + self._batch]:
            await self._runner.run(batch)
            self.acknowledged += len(batch)
