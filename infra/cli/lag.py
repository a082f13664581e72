"""`sluice lag`: how far each consumer is behind, per topic.

In: Kafka's address, the operator's PostgreSQL (the sinks keep their offsets there). Out: rows `{consumer, topic, partitions,
behind, end}`; PostgreSQL away: the sinks' rows are missing and stderr says so.
"""

from __future__ import annotations

from infra.cli.options import Config, Data, Output, find_settings, kafka_cluster
from infra.cli.output import show_rows
from infra.runtime.console import tell


def lag(data: Data = None, config: Config = None, output: Output = None) -> None:
    """Show how far each consumer is behind."""
    from infra.kafka.offsets import committed, end_offsets
    from infra.kafka.topic_admin import GROUPS
    from infra.postgres.admin_store import AdminStoreDown, open_admin_store

    settings = find_settings(data, config)
    cluster = kafka_cluster(settings)
    ends = end_offsets(cluster)
    positions = {
        group: committed(cluster, group, [place for place in ends if place[0] in topics]) for group, topics in GROUPS.items()
    }
    if settings.postgres.url is not None:
        try:
            with open_admin_store(settings.postgres.url.get_secret_value()) as store:
                positions["sluice-sinks"] = store.sink_offsets()
        except AdminStoreDown as fault:
            tell(f"PostgreSQL does not answer, so the sinks are missing: {str(fault).splitlines()[0]}")
    show_rows([row for group, places in positions.items() for row in _rows(group, places, ends)], output)


def _rows(group: str, places: dict[tuple[str, int], int], ends: dict[tuple[str, int], int]) -> list[dict[str, object]]:
    topics: dict[str, list[tuple[int, int]]] = {}
    for (topic, partition), position in places.items():
        if (topic, partition) in ends:
            topics.setdefault(topic, []).append((position, ends[topic, partition]))
    return [
        {
            "consumer": group,
            "topic": topic,
            "partitions": len(pairs),
            "behind": sum(max(0, end - position) for position, end in pairs),
            "end": sum(end for _, end in pairs),
        }
        for topic, pairs in sorted(topics.items())
    ]
