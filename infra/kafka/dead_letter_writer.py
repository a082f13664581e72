"""Dead letters of those who have no loop and no outbox: written at once, blocking.

In: records for `dead-letter`. Out: nothing, once Kafka has acknowledged them all, or `DeadLetterFailed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.kafka.client import Cluster, KafkaException, make_producer
from infra.kafka.records import ProducerRecord

ACK_SECONDS = 10.0


class DeadLetterFailed(RuntimeError):
    """Kafka did not acknowledge a dead letter."""


class DeadLetterWriter:
    """Its producer is made for the first of them."""

    def __init__(self, cluster: Cluster, client_id: str) -> None:
        self._cluster = cluster
        self._client_id = client_id
        self._producer: Any = None

    def write(self, letters: Sequence[ProducerRecord]) -> None:
        """Return when Kafka has acknowledged them all. Raises DeadLetterFailed."""
        if self._producer is None:
            self._producer = make_producer(self._cluster, self._client_id)
        faults: list[object] = []

        def delivered(error: Any, _message: Any) -> None:
            if error is not None:
                faults.append(error)

        try:
            for topic, key, value, headers, partition in letters:
                self._producer.produce(topic, value, key, partition, delivered, headers=headers)
        except (BufferError, KafkaException) as fault:
            faults.append(fault)
        if self._producer.flush(ACK_SECONDS) or faults:
            raise DeadLetterFailed(f"the dead letter was not acknowledged: {faults}")
