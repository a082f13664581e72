"""Whole topics read from their start, for whoever checks or rebuilds: no group, nothing committed.

In: topics, and the ends to read up to. Out: every record below these ends, in the order of each partition; committed
offsets of groups. `KafkaException` or `LogUnreadable` when Kafka does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infra.kafka import offsets
from infra.kafka.client import TopicPartition, make_admin, make_consumer

Place = tuple[str, int]
PATIENCE_SECONDS = 15.0
_BEGINNING = -2


class LogUnreadable(RuntimeError):
    """A topic is not there, or Kafka has stopped answering."""


class Entry(NamedTuple):
    """One record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def end_offsets(bootstrap: str, topics: Sequence[str]) -> dict[Place, int]:
    """The offset after the last record of every partition."""
    found = offsets.end_offsets(bootstrap, topics)
    missing = [topic for topic in topics if (topic, 0) not in found]
    if missing:
        raise LogUnreadable(f"topics that are not there: {', '.join(missing)}; run `sluice topics apply`")
    return found


def committed_offsets(bootstrap: str, groups: Mapping[str, Sequence[str]]) -> dict[tuple[str, str, int], int]:
    """What each group has committed, by group, topic and partition; partitions without a commit are left out."""
    present = make_admin(bootstrap).list_topics(timeout=PATIENCE_SECONDS).topics
    return {(group, *place): offset for group, topics in groups.items() for place, offset in offsets.committed(
        bootstrap, group, [(topic, p) for topic in topics if topic in present for p in present[topic].partitions],
        PATIENCE_SECONDS).items()}


def read_log(bootstrap: str, ends: Mapping[Place, int]) -> Iterator[Entry]:
    """Every record below these ends that the topics still hold."""
    settings: dict[str, Any] = {"auto.offset.reset": "earliest", "enable.partition.eof": True}
    consumer = make_consumer(bootstrap, "sluice-log-reader", **settings)
    open_places = {place for place, end in ends.items() if end > 0}
    try:
        consumer.assign([TopicPartition(topic, p, _BEGINNING) for topic, p in sorted(open_places)])
        while open_places:
            messages = consumer.consume(1000, 0.2)
            for message in messages or [_patiently(consumer)]:
                yield from _taken(message, ends, open_places)
    finally:
        consumer.close()


def _patiently(consumer: Any) -> Any:
    message = consumer.poll(PATIENCE_SECONDS)
    if message is None:
        raise LogUnreadable(f"Kafka gave nothing for {PATIENCE_SECONDS:.0f} s")
    return message


def _taken(message: Any, ends: Mapping[Place, int], open_places: set[Place]) -> Iterator[Entry]:
    place = (message.topic(), message.partition())
    error = message.error()
    if error is not None:
        if error.name() == "_PARTITION_EOF":
            open_places.discard(place)
        elif error.fatal():
            raise LogUnreadable(str(error))
        return
    offset = message.offset()
    if offset + 1 >= ends[place]:
        open_places.discard(place)
    if offset < ends[place]:
        yield Entry(place[0], place[1], offset, message.timestamp()[1], message.key(), message.value(),
                    message.headers() or ())
