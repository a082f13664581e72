"""Where topics end and how far groups have come.

In: the address of Kafka. Out: offsets by (topic, partition). Wrong: `KafkaException` when Kafka does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from infra.kafka.client import make_admin, make_consumer
from schemas.topics import TOPICS

Places = dict[tuple[str, int], int]
SECONDS = 10.0


def end_offsets(bootstrap: str) -> Places:
    """The offset after the last record of every partition of the product's topics that exist."""
    admin = make_admin(bootstrap)
    present: dict[str, Any] = admin.list_topics(timeout=SECONDS).topics
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    futures = admin.list_offsets({TopicPartition(row.name, partition): latest for row in TOPICS if row.name in present
                                  for partition in present[row.name].partitions})
    return {(place.topic, place.partition): future.result(SECONDS).offset for place, future in futures.items()}


def committed(bootstrap: str, group: str, places: Iterable[tuple[str, int]], seconds: float = SECONDS) -> Places:
    """What the group has committed of these partitions; those without a commit are left out."""
    # Trap: AdminClient.list_consumer_group_offsets of librdkafka 2.16 crashes the process when it is asked while the
    # coordinator is still loading; a consumer that asks for its group waits.
    consumer = make_consumer(bootstrap, group)
    try:
        found = consumer.committed([TopicPartition(topic, partition) for topic, partition in places], timeout=seconds)
    finally:
        consumer.close()
    return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}
