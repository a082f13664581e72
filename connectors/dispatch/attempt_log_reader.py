"""Reads the log of calls back: with a consumer of its own, outside the group, that commits nothing.

In: a partition of `attempts-<lane>` and where to begin and end. Out: its records in between, with their offsets. Blocking,
to be run in a thread. A record that cannot be decoded notes no call and is passed over with a warning. Raises
`ReadBackError` when Kafka does not answer within `PATIENCE` seconds.

`infra/kafka/log_reader.py` ends a partition where the broker says that it ends. That is not enough here: after a change of
leaders the broker may for a moment show less than it has acknowledged, and a start that is not seen would be sent again. So
this reads until the position has reached the end that was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from infra.kafka.client import Cluster, KafkaException, TopicPartition, make_consumer
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.kafka.subscription import readable
from schemas.records.codec import DecodeError, decode
from schemas.records.wire import Record

LOOK_BACK_MS = 120_000
PATIENCE = 60.0
log = structlog.get_logger()


class ReadBackError(RuntimeError):
    """The log of calls could not be read."""


def read_between(cluster: Cluster, group: str, key: PartitionKey, begin: int, end: int) -> list[tuple[int, Record]]:
    """The records from `begin` to before `end` (-1: to the end as it is now)."""
    with _consumer(cluster, group, key) as consumer:
        low, high = _watermarks(consumer, key)
        return _decoded(_records(consumer, key, max(begin, low), high if end < 0 else end))


def read_for_new_owner(
    cluster: Cluster, group: str, key: PartitionKey, committed: int | None, epoch: int
) -> list[tuple[int, Record]]:
    """Everything that the owner of `epoch` must know: from `committed` on (the log offset in the commit's metadata; None:
    from the beginning), and at least two minutes of log time before the newest record."""
    if epoch == 0:
        return []
    with _consumer(cluster, group, key) as consumer:
        low, _ = _watermarks(consumer, key)
        begin = low
        if committed is not None:
            begin = max(low, min(committed, _two_minutes_before(consumer, key, low, epoch)))
        return _decoded(_records(consumer, key, begin, epoch))


@contextmanager
def _consumer(cluster: Cluster, group: str, key: PartitionKey) -> Iterator[Any]:
    consumer = make_consumer(cluster, f"{group}-read-back", **{"auto.offset.reset": "earliest"})
    try:
        yield consumer
    except KafkaException as fault:
        raise ReadBackError(f"{key[0]}[{key[1]}]: {fault}") from fault
    finally:
        consumer.close()


def _watermarks(consumer: Any, key: PartitionKey) -> tuple[int, int]:
    low, high = consumer.get_watermark_offsets(TopicPartition(*key), timeout=PATIENCE)
    return int(low), int(high)


def _two_minutes_before(consumer: Any, key: PartitionKey, low: int, epoch: int) -> int:
    if epoch <= low:
        return epoch
    newest = _records(consumer, key, epoch - 1, epoch)
    if not newest:
        return low
    since = max(0, newest[-1].timestamp - LOOK_BACK_MS)
    found = consumer.offsets_for_times([TopicPartition(*key, since)], timeout=PATIENCE)[0].offset
    return int(found) if found >= 0 else low


def _decoded(records: list[ConsumerRecord]) -> list[tuple[int, Record]]:
    out = []
    for record in records:
        try:
            out.append((record.offset, decode(record.value)))
        except DecodeError as fault:
            log.warning(
                "passed over a record of the log that cannot be read",
                action="log_unreadable",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                error=str(fault),
            )
    return out


def _records(consumer: Any, key: PartitionKey, begin: int, end: int) -> list[ConsumerRecord]:
    out: list[ConsumerRecord] = []
    if begin >= end:
        return out
    start = TopicPartition(*key, begin)
    consumer.assign([start])
    deadline = time.monotonic() + PATIENCE
    while True:
        # Only what is fatal to the client ends this; the time runs for everything else.
        found = readable(consumer.consume(1000, 0.05), hopeless=())
        if found:
            deadline = time.monotonic() + PATIENCE
        out += [record for record in found if record.offset < end]
        # Trap: the last offsets may be gaps, which no message ever fills; the position tells.
        position = consumer.position([start])[0].offset
        if position >= end or (out and out[-1].offset == end - 1):
            consumer.unassign()
            return out
        if time.monotonic() > deadline:
            raise ReadBackError(f"{key[0]}[{key[1]}] gave nothing at {position}, {end} is to be reached")
