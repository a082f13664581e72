"""Kafka's own ids of topics, by which a topic that was deleted and made anew is told from the old one.

In: names. Out: id by name. `KafkaException` when Kafka does not answer or does not know a topic.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import TopicCollection

from infra.kafka.client import Cluster, make_admin

PATIENCE_SECONDS = 5.0


def topic_ids(cluster: Cluster, names: Sequence[str]) -> dict[str, str]:
    """The id of each topic, as text."""
    admin = make_admin(cluster)  # Trap: a client that nobody holds gives its requests up
    futures = admin.describe_topics(TopicCollection(list(names)), request_timeout=PATIENCE_SECONDS)
    return {name: str(future.result(PATIENCE_SECONDS + 1).topic_id) for name, future in futures.items()}
