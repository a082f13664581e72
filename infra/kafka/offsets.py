"""Where topics end and how far groups have come.

In: the address of Kafka. Out: offsets by (topic, partition). Wrong: `KafkaException` when Kafka does not answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from infra.kafka.client import Cluster, make_admin, make_consumer
from schemas.records.topics import TOPICS

Places = dict[tuple[str, int], int]
SECONDS = 10.0
OURS = [row.name for row in TOPICS]
_NO_LEADER_YET = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
}


def end_offsets(cluster: Cluster, topics: Sequence[str] = OURS) -> Places:
    """The offset after the last record of every partition of these topics, as far as they exist.

    Partitions of a broker or topic that has just started have no leader for a moment, or the client knows a leader that is
    no more; they are asked again.
    """
    admin = make_admin(cluster)
    until = time.monotonic() + SECONDS
    while True:
        try:
            return _end_offsets(admin, topics)
        except KafkaException as fault:
            if fault.args[0].code() not in _NO_LEADER_YET or time.monotonic() > until:
                raise
            time.sleep(0.05)


async def end_of(cluster: Cluster, place: tuple[str, int]) -> int:
    """The offset after the last record of one partition."""
    return (await asyncio.to_thread(end_offsets, cluster, [place[0]]))[place]


def _end_offsets(admin: Any, topics: Sequence[str]) -> Places:
    present: dict[str, Any] = admin.list_topics(timeout=SECONDS).topics
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    futures = admin.list_offsets(
        {
            TopicPartition(topic, partition): latest
            for topic in topics
            if topic in present
            for partition in present[topic].partitions
        }
    )
    # Trap: the futures must stay in their dict until they are done.
    return {(place.topic, place.partition): future.result(SECONDS).offset for place, future in futures.items()}


def committed(cluster: Cluster, group: str, places: Iterable[tuple[str, int]], seconds: float = SECONDS) -> Places:
    """What the group has committed of these partitions; those without a commit are left out."""
    # Trap: AdminClient.list_consumer_group_offsets of librdkafka 2.16 crashes the process when it is asked while the
    # coordinator is still loading; a consumer that asks for its group waits.
    consumer = make_consumer(cluster, group)
    try:
        found = consumer.committed([TopicPartition(topic, partition) for topic, partition in places], timeout=seconds)
    finally:
        consumer.close()
    return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}
