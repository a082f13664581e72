"""Reading the log of calls back: with a consumer of its own that commits nothing.

In: a partition and two places in it. Out: its records in between with their offsets and times; the place two minutes of log
time before the newest record. Blocking, to be run in a thread. A record that cannot be decoded is nobody's start and is
passed over with a warning. Raises `ReadBackError` when Kafka does not answer within `PATIENCE` seconds.
"""

from __future__ import annotations

import time
from typing import Any

import structlog

from infra.kafka.client import KafkaException, TopicPartition, make_consumer
from schemas.records.codec import DecodeError, decode
from schemas.records.wire import Record

LOOK_BACK_MS = 120_000
PATIENCE = 60.0
log = structlog.get_logger()


class ReadBackError(RuntimeError):
    """The log of calls could not be read."""


def read_back(bootstrap: str, group: str, topic: str, partition: int, begin: int, end: int) -> list[tuple[int, Record]]:
    """The records from `begin` to before `end` (-1: to the end as it is now)."""
    consumer = make_consumer(bootstrap, f"{group}-read-back", **{"auto.offset.reset": "earliest"})
    try:
        low, high = _edges(consumer, topic, partition)
        return _read(consumer, topic, partition, max(begin, low), high if end < 0 else end)
    finally:
        consumer.close()


def read_for_new_owner(
    bootstrap: str, group: str, topic: str, partition: int, noted: int | None, epoch: int
) -> list[tuple[int, Record]]:
    """Everything that the owner of `epoch` must know: from `noted` (the commit's word; None: from the beginning), and
    at least two minutes of log time before the newest record."""
    if epoch == 0:
        return []
    consumer = make_consumer(bootstrap, f"{group}-read-back", **{"auto.offset.reset": "earliest"})
    try:
        low, _ = _edges(consumer, topic, partition)
        begin = low if noted is None else max(low, min(noted, _two_minutes_before(consumer, topic, partition, low, epoch)))
        return _read(consumer, topic, partition, begin, epoch)
    finally:
        consumer.close()


def _edges(consumer: Any, topic: str, partition: int) -> tuple[int, int]:
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE)
    except KafkaException as fault:
        raise ReadBackError(f"{topic}[{partition}]: {fault}") from fault
    return int(low), int(high)


def _two_minutes_before(consumer: Any, topic: str, partition: int, low: int, epoch: int) -> int:
    if epoch <= low:
        return epoch
    newest = _messages(consumer, topic, partition, epoch - 1, epoch)
    if not newest:
        return low
    at = newest[-1].timestamp()[1] - LOOK_BACK_MS
    try:
        found = consumer.offsets_for_times([TopicPartition(topic, partition, max(0, at))], timeout=PATIENCE)[0].offset
    except KafkaException as fault:
        raise ReadBackError(f"{topic}[{partition}]: {fault}") from fault
    return int(found) if found >= 0 else low


def _read(consumer: Any, topic: str, partition: int, begin: int, end: int) -> list[tuple[int, Record]]:
    out = []
    for message in _messages(consumer, topic, partition, begin, end):
        try:
            out.append((message.offset(), decode(message.value())))
        except DecodeError as fault:
            log.warning(
                "passed over a record of the log that cannot be read",
                action="log_unreadable",
                topic=topic,
                partition=partition,
                offset=message.offset(),
                error=str(fault),
            )
    return out


def _messages(consumer: Any, topic: str, partition: int, begin: int, end: int) -> list[Any]:
    place = TopicPartition(topic, partition, begin)
    out: list[Any] = []
    if begin >= end:
        return out
    consumer.assign([place])
    deadline = time.monotonic() + PATIENCE
    while True:
        for message in consumer.consume(1000, 0.05):
            if message.error() is not None:
                continue
            deadline = time.monotonic() + PATIENCE
            if message.offset() < end:
                out.append(message)
        # Trap: the last offsets may be gaps, which no message ever fills; the position tells.
        at = consumer.position([place])[0].offset
        if at >= end or (out and out[-1].offset() == end - 1):
            consumer.unassign()
            return out
        if time.monotonic() > deadline:
            raise ReadBackError(f"{topic}[{partition}] gave nothing at {at}, {end} is to be reached")
