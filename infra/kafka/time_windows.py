"""Records of some keys within stretches of time: what a question about one message reads, instead of whole topics.

In: stretches (a partition, from when to when), keys. Out: the records with these keys, and which stretches could not be read
whole: there was more in them than is read, or what the topic held then is gone. Found by the broker's index of times; at
most `MOST_RECORDS` a stretch and `SECONDS` in all. Blocking. Wrong: `KafkaException` when Kafka does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from infra.kafka.client import Cluster, TopicPartition, Value, make_consumer
from infra.kafka.records import ConsumerRecord, record_of

MOST_RECORDS = 50_000
SECONDS = 6.0
READING: dict[str, Value] = {"auto.offset.reset": "earliest", "enable.partition.eof": True}
_ASK_SECONDS = 3.0
_POLL_SECONDS = 0.2
_AT_ONCE = 1000


class Window(NamedTuple):
    """A stretch of a partition; times in milliseconds. `keys`: of the records that are wanted."""

    topic: str
    partition: int
    since: int
    until: int
    keys: frozenset[bytes]


class Found(NamedTuple):
    """`partly`: windows that hold more than was read. `gone`: those whose topic begins later."""

    records: list[ConsumerRecord]
    partly: list[Window]
    gone: list[Window]


def merged(windows: Iterable[Window]) -> list[Window]:
    """The same stretches, those that meet joined."""
    out: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.topic, one.partition, sorted(one.keys), one.since)):
        last = out[-1] if out else None
        if last and last._replace(since=0, until=0) == window._replace(since=0, until=0) and window.since <= last.until:
            out[-1] = last._replace(until=max(last.until, window.until))
        else:
            out.append(window)
    return out


def read_windows(cluster: Cluster, windows: Iterable[Window]) -> Found:
    """What these windows hold."""
    consumer = make_consumer(cluster, "sluice-time-windows", None, **READING)
    found, deadline = Found([], [], []), time.monotonic() + SECONDS
    try:
        wanted = merged(windows)
        for window, (begin, end, low) in zip(wanted, _bounds(consumer, wanted), strict=True):
            if 0 < low == begin:
                found.gone.append(window)
            if not _read(consumer, window, begin, end, deadline, found.records):
                found.partly.append(window)
    finally:
        consumer.close()
    return found


def _bounds(consumer: Any, windows: Sequence[Window]) -> list[tuple[int, int, int]]:
    """For each window its first offset, the one behind its last, and the first that its partition still holds."""
    if not windows:
        return []
    places = {(window.topic, window.partition) for window in windows}
    marks = {place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=_ASK_SECONDS) for place in sorted(places)}
    begins = [_offset_at(consumer, window, window.since) for window in windows]
    ends = [_offset_at(consumer, window, window.until + 1) for window in windows]
    out = []
    for window, begin, end in zip(windows, begins, ends, strict=True):
        low, high = marks[window.topic, window.partition]
        out.append((high if begin < 0 else begin, high if end < 0 else end, low))
    return out


def _offset_at(consumer: Any, window: Window, at: int) -> int:
    [found] = consumer.offsets_for_times([TopicPartition(window.topic, window.partition, max(0, at))], timeout=_ASK_SECONDS)
    return int(found.offset)


def _read(consumer: Any, window: Window, begin: int, end: int, deadline: float, records: list[ConsumerRecord]) -> bool:
    """Add the window's records; whether all of it was read."""
    last = min(end, begin + MOST_RECORDS)
    at = begin
    if at >= last:
        return True
    consumer.assign([TopicPartition(window.topic, window.partition, begin)])
    while at < last:
        if time.monotonic() > deadline:
            return False
        first = consumer.poll(_POLL_SECONDS)
        for message in () if first is None else (first, *consumer.consume(_AT_ONCE, 0)):
            if message.error() is not None:
                if message.error().name() == "_PARTITION_EOF":
                    at = last
                continue
            at = message.offset() + 1
            if message.offset() < last and message.key() in window.keys:
                records.append(record_of(message))
    return last == end
