"""Records of `campaign-commands` that are no commands go to `dead-letter`, once.

In: what a cache of commands reads, on its thread. Out: dead letters, acknowledged before this is noted as this group's
offset: the topic is read from its beginning at every start, and its poison must not go there anew each time. Whoever dies in
between writes again. Raises KafkaException when Kafka does not answer, DeadLetterFailed when it does not take the letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.kafka.client import Cluster, TopicPartition, make_consumer
from infra.kafka.dead_letter import dead_letter
from infra.kafka.dead_letter_writer import DeadLetterWriter
from infra.kafka.records import ConsumerRecord
from schemas.records.codec import DecodeError, decode_as
from schemas.records.wire import CampaignCommand
from schemas.values.reasons import Reason

GROUP = "sluice-rejected-commands"
SECONDS = 10.0


class RejectedCommands:
    """For one of the processes that read the commands. `service`: who it is, for `x-service`."""

    def __init__(self, cluster: Cluster, service: str) -> None:
        self._cluster = cluster
        self._service = service
        self._writer = DeadLetterWriter(cluster, GROUP)

    def dead_letter_once(self, records: Sequence[ConsumerRecord]) -> None:
        """Dead letters of what is no command and has none yet. Blocks; without poison it does nothing."""
        poison = [(record, fault) for record in records if (fault := _fault(record)) is not None]
        if not poison:
            return
        consumer = make_consumer(self._cluster, GROUP)
        try:
            for partition in sorted({record.partition for record, _ in poison}):
                self._write_new(consumer, [each for each in poison if each[0].partition == partition])
        finally:
            consumer.close()

    def _write_new(self, consumer: Any, poison: Sequence[tuple[ConsumerRecord, DecodeError]]) -> None:
        """Of one partition."""
        place = TopicPartition(poison[0][0].topic, poison[0][0].partition)
        done = consumer.committed([place], timeout=SECONDS)[0].offset
        new = [(record, fault) for record, fault in poison if record.offset >= done]
        if new:
            self._writer.write(
                [dead_letter(record, fault, code=Reason.UNDECODABLE, service=self._service) for record, fault in new]
            )
            place.offset = new[-1][0].offset + 1
            consumer.commit(offsets=[place], asynchronous=False)


def _fault(record: ConsumerRecord) -> DecodeError | None:
    """Why this is no command; None when it is one, or ends what its key said."""
    if record.value is None and record.key is not None:
        return None
    try:
        decode_as(record.value, CampaignCommand)
    except DecodeError as fault:
        return fault
    return None
