"""Records of `campaign-commands` that are no commands go to `dead-letter`, once.

In: what a book of commands reads, on its thread. Out: dead letters, acknowledged before this is noted as this group's
offset: the topic is read from its beginning at every start, and must not be buried anew each time. Whoever dies in between
buries again. Raises KafkaException when Kafka does not take the letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.kafka.client import KafkaException, TopicPartition, make_consumer, make_producer
from infra.kafka.dead_letter import dead_letter
from schemas.records.codec import DecodeError, decode_as
from schemas.records.topics import DEAD_LETTER
from schemas.records.wire import CampaignCommand

GROUP = "sluice-command-burial"
SECONDS = 10.0


class RejectedCommands:
    """For one of the processes that read the commands. `service`: who it is, for `x-service`."""

    def __init__(self, bootstrap: str, service: str) -> None:
        self._bootstrap = bootstrap
        self._service = service

    def dead_letter_once(self, messages: Sequence[Any]) -> None:
        """Bury what is no command and was not buried before. Blocks; without poison it does nothing."""
        poison = [(message, fault) for message in messages if (fault := _fault(message.value())) is not None]
        if not poison:
            return
        consumer = make_consumer(self._bootstrap, GROUP)
        try:
            for partition in sorted({message.partition() for message, _ in poison}):
                self._bury(consumer, [each for each in poison if each[0].partition() == partition])
        finally:
            consumer.close()

    def _bury(self, consumer: Any, poison: Sequence[tuple[Any, str]]) -> None:
        """Of one partition."""
        place = TopicPartition(poison[0][0].topic(), poison[0][0].partition())
        done = consumer.committed([place], timeout=SECONDS)[0].offset
        fresh = [(message, fault) for message, fault in poison if message.offset() >= done]
        if fresh:
            self._write(fresh)
            place.offset = fresh[-1][0].offset() + 1
            consumer.commit(offsets=[place], asynchronous=False)

    def _write(self, poison: Sequence[tuple[Any, str]]) -> None:
        """All acknowledged, or KafkaException."""
        producer = make_producer(self._bootstrap, GROUP)
        faults: list[Any] = []
        for message, fault in poison:
            key, value, headers = dead_letter(
                message.topic(), message.partition(), message.offset(), message.timestamp()[1], message.key(),
                message.value(), message.headers(), error_class=DecodeError.__name__, code="undecodable", message=fault,
                service=self._service)
            producer.produce(DEAD_LETTER, value=value, key=key, headers=list(headers),
                             on_delivery=lambda error, _: faults.append(error) if error is not None else None)
        if producer.flush(SECONDS) or faults:
            raise KafkaException(faults[0] if faults else "dead letters were not acknowledged")


def _fault(value: bytes | None) -> str | None:
    """Why this is no command; None when it is one."""
    try:
        decode_as(value, CampaignCommand)
    except DecodeError as fault:
        return str(fault)
    return None
