"""Topics read without a group, nothing committed: whole, for whoever checks or rebuilds, or what stands before a record.

In: partitions, and the ends to read up to. Out: every record below these ends, in the order of each partition, from the
start or from a moment; committed offsets of groups. Blocking. `KafkaException` or `LogUnreadable` when Kafka does not
answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infra.kafka import offsets
from infra.kafka.client import Cluster, TopicPartition, make_admin, make_consumer
from infra.kafka.records import ConsumerRecord, PartitionKey, record_of

PATIENCE_SECONDS = 15.0
# Trap: the client's word for the beginning (-2) costs half a second when it does not know the leader yet. An offset does
# not; where the records before it are gone already, `auto.offset.reset` leads to the first that is there.
_BEGINNING = 0
_AT_ONCE = 1000


class LogUnreadable(RuntimeError):
    """A topic is not there, or Kafka has stopped answering."""


class Stretch(NamedTuple):
    """Everything below `end` since this time (ms), and at least so many records."""

    end: int
    since: int
    least: int


def end_offsets(cluster: Cluster, topics: Sequence[str]) -> dict[PartitionKey, int]:
    """The offset after the last record of every partition."""
    found = offsets.end_offsets(cluster, topics)
    missing = [topic for topic in topics if (topic, 0) not in found]
    if missing:
        raise LogUnreadable(f"topics that are not there: {', '.join(missing)}; run `sluice topics apply`")
    return found


def committed_offsets(cluster: Cluster, groups: Mapping[str, Sequence[str]]) -> dict[tuple[str, str, int], int]:
    """What each group has committed, by group, topic and partition; partitions without a commit are left out."""
    present = make_admin(cluster).list_topics(timeout=PATIENCE_SECONDS).topics
    return {
        (group, *place): offset
        for group, topics in groups.items()
        for place, offset in offsets.committed(
            cluster,
            group,
            [(topic, p) for topic in topics if topic in present for p in present[topic].partitions],
            PATIENCE_SECONDS,
        ).items()
    }


def read_log(cluster: Cluster, ends: Mapping[PartitionKey, int]) -> Iterator[ConsumerRecord]:
    """Every record below these ends that the topics still hold."""
    consumer = _reader(cluster)
    try:
        yield from _entries(consumer, dict.fromkeys(ends, _BEGINNING), ends)
    finally:
        consumer.close()


def read_before(cluster: Cluster, stretches: Mapping[PartitionKey, Stretch]) -> Iterator[ConsumerRecord]:
    """The records of these stretches, as far as the topics still hold them; all partitions at once."""
    consumer = _reader(cluster)
    try:
        yield from _entries(consumer, _begins(consumer, stretches), {p: s.end for p, s in stretches.items()})
    finally:
        consumer.close()


def _reader(cluster: Cluster) -> Any:
    settings: dict[str, Any] = {"auto.offset.reset": "earliest", "enable.partition.eof": True}
    return make_consumer(cluster, "sluice-log-reader", **settings)


def _begins(consumer: Any, stretches: Mapping[PartitionKey, Stretch]) -> dict[PartitionKey, int]:
    """Where each stretch begins. A record may be older than those before it: what counts is the first that is not."""
    asks = [TopicPartition(*place, max(0, stretch.since)) for place, stretch in stretches.items() if stretch.end > 0]
    begins = {}
    for found in consumer.offsets_for_times(asks, timeout=PATIENCE_SECONDS) if asks else ():
        if found.error is not None:
            raise LogUnreadable(f"{found.topic}[{found.partition}]: {found.error}")
        place = (found.topic, found.partition)
        end, least = stretches[place].end, stretches[place].least
        begins[place] = max(0, min(found.offset if found.offset >= 0 else end, end - least))
    return begins


def _entries(
    consumer: Any, begins: Mapping[PartitionKey, int], ends: Mapping[PartitionKey, int]
) -> Iterator[ConsumerRecord]:
    open_places = {place for place, end in ends.items() if end > 0}
    consumer.assign([TopicPartition(*place, begins[place]) for place in sorted(open_places)])
    while open_places:
        # Trap: `consume` with a time-out waits for all it was asked for, so the last ones would come that much later.
        for message in [_patiently(consumer), *consumer.consume(_AT_ONCE, 0)]:
            yield from _taken(message, ends, open_places)


def _patiently(consumer: Any) -> Any:
    message = consumer.poll(PATIENCE_SECONDS)
    if message is None:
        raise LogUnreadable(f"Kafka gave nothing for {PATIENCE_SECONDS:.0f} s")
    return message


def _taken(message: Any, ends: Mapping[PartitionKey, int], open_places: set[PartitionKey]) -> Iterator[ConsumerRecord]:
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
        yield record_of(message)
