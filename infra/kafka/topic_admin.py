"""The cluster made equal to `schemas/records/topics.py`: topics, their settings, and where consumer groups begin.

In: the address of Kafka. Out: what was made or changed, what differs, what there is. Each group of `GROUPS` begins at
offset 0 of every partition where it has committed nothing yet, so that stages can insist on a committed offset.
Wrong: `TopicError` (another partition count, a group in use without offsets, Kafka refuses or does not answer).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from infra.kafka.client import Cluster, make_admin
from infra.kafka.offsets import committed
from infra.settings.model import KafkaSettings
from schemas.records.topics import CARRIER_RECEIPTS, DISPATCH_SHARED, TOPICS, Topic, attempts, dispatch, ingest, retries
from schemas.values.lanes import POOLS, Lane, Pool

GROUPS: dict[str, tuple[str, ...]] = {
    "sluice-streams-otp": (*(ingest(lane) for lane in POOLS[Pool.OTP]), *(attempts(lane) for lane in POOLS[Pool.OTP])),
    "sluice-streams-bulk": (
        *(ingest(lane) for lane in POOLS[Pool.BULK]),
        *(attempts(lane) for lane in POOLS[Pool.BULK]),
        CARRIER_RECEIPTS,
    ),
    "sluice-dispatch-otp": (*(dispatch(lane) for lane in POOLS[Pool.OTP]), DISPATCH_SHARED),
    "sluice-dispatch-bulk": tuple(dispatch(lane) for lane in POOLS[Pool.BULK]),
    "sluice-delay": tuple(topic for lane in Lane for topic in retries(lane)),
}
"""Which groups commit offsets in Kafka, and of which topics; the sinks keep theirs in PostgreSQL."""

DEADLINE = 30.0
ANSWER = 2.0
_AGAIN = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._WAIT_COORD,
}


class TopicError(RuntimeError):
    """The cluster cannot be made equal to the table; the message says what to do."""


class Compression(NamedTuple):
    """`compression.type` of topics that programs of others read, and of ours. The broker sees to it whoever produces: it
    compresses anew what comes in another way. `producer` = as it comes."""

    public: str = "uncompressed"
    internal: str = "producer"


_AS_SHIPPED = Compression()


def compression_of(kafka: KafkaSettings) -> Compression:
    """As settings say."""
    return Compression(kafka.public_compression, kafka.internal_compression)


class TopicState(NamedTuple):
    """A topic as it is in the cluster."""

    name: str
    partitions: int
    replication: int
    settings: dict[str, str]


def wanted_settings(row: Topic, replication: int, compression: Compression = _AS_SHIPPED) -> dict[str, str]:
    """The settings of a row as Kafka names them."""
    keep = (
        {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
        if row.retention_ms is None
        else {"cleanup.policy": "delete", "retention.ms": str(row.retention_ms), "retention.bytes": "-1"}
    )
    return {
        **keep,
        "compression.type": compression.public if row.public else compression.internal,
        "max.message.bytes": str(row.most_bytes),
        "min.insync.replicas": str(2 if replication >= 3 else 1),
    }


def apply(cluster: Cluster, replication: int, compression: Compression = _AS_SHIPPED) -> list[str]:
    """Make what is missing, change settings that differ, begin groups; sentences of what was done."""
    admin = make_admin(cluster)
    present = _present(admin)
    made = _create(admin, [row for row in TOPICS if row.name not in present], replication, compression)
    changed = _change(admin, [row for row in TOPICS if row.name in present], replication, compression)
    return made + changed + _begin_groups(admin, cluster)


def diff(cluster: Cluster, replication: int, compression: Compression = _AS_SHIPPED) -> list[str]:
    """Sentences of what differs from the table; empty when nothing does."""
    admin = make_admin(cluster)
    present = _present(admin)
    out = [f"topic {row.name} is missing" for row in TOPICS if row.name not in present]
    known = [row for row in TOPICS if row.name in present]
    out += [
        f"topic {row.name} has {present[row.name]} partitions instead of {row.partitions}"
        for row in known
        if present[row.name] != row.partitions
    ]
    for row, settings in zip(known, _settings(admin, known), strict=True):
        out += [
            f"topic {row.name}: {name} is {settings.get(name)} instead of {value}"
            for name, value in wanted_settings(row, replication, compression).items()
            if settings.get(name) != value
        ]
    out += [
        f"group {group} has not begun on {place.topic}[{place.partition}]"
        for group in GROUPS
        for place in _not_begun(cluster, group, present)
    ]
    return out


def list_topics(cluster: Cluster) -> list[TopicState]:
    """The topics of the table that exist, in its order."""
    admin = make_admin(cluster)
    metadata = _metadata(admin)
    rows = [row for row in TOPICS if row.name in metadata]
    return [
        TopicState(
            row.name,
            len(metadata[row.name].partitions),
            len(metadata[row.name].partitions[0].replicas) if metadata[row.name].partitions else 0,
            settings,
        )
        for row, settings in zip(rows, _settings(admin, rows), strict=True)
    ]


def _metadata(admin: Any) -> dict[str, Any]:
    return dict(_patiently(lambda: admin.list_topics(timeout=5)).topics)


def _present(admin: Any) -> dict[str, int]:
    return {name: len(topic.partitions) for name, topic in _metadata(admin).items()}


def _create(admin: Any, rows: list[Topic], replication: int, compression: Compression) -> list[str]:
    if not rows:
        return []
    futures = admin.create_topics(
        [
            NewTopic(row.name, row.partitions, replication, config=wanted_settings(row, replication, compression))
            for row in rows
        ]
    )
    for name, future in futures.items():
        try:
            future.result(DEADLINE)
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicError(f"topic {name} could not be made: {fault.args[0].str()}") from fault
    return [f"made topic {row.name}" for row in rows]


def _change(admin: Any, rows: list[Topic], replication: int, compression: Compression) -> list[str]:
    if not rows:
        return []
    out, resources = [], []
    for row, settings in zip(rows, _settings(admin, rows), strict=True):
        wrong = {
            name: value
            for name, value in wanted_settings(row, replication, compression).items()
            if settings.get(name) != value
        }
        if wrong:
            entries = [
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in wrong.items()
            ]
            resources.append(ConfigResource(ResourceType.TOPIC, row.name, incremental_configs=entries))
            out.append(f"changed {', '.join(wrong)} of topic {row.name}")
    if resources:
        _results(admin.incremental_alter_configs(resources))
    return out


def _settings(admin: Any, rows: list[Topic]) -> list[dict[str, str]]:
    if not rows:
        return []
    futures = admin.describe_configs([ConfigResource(ResourceType.TOPIC, row.name) for row in rows])
    return [{name: entry.value for name, entry in result.items()} for result in _results(futures)]


def _results(futures: dict[Any, Future[Any]]) -> list[Any]:
    # Trap: the futures must stay in their dict until they are done; one that is popped hangs.
    try:
        return [future.result(DEADLINE) for future in futures.values()]
    except (KafkaException, TimeoutError) as fault:
        raise TopicError(f"Kafka did not do it: {fault}") from fault


def _begin_groups(admin: Any, cluster: Cluster) -> list[str]:
    partitions = {row.name: row.partitions for row in TOPICS}
    present = _present(admin)
    wrong = [f"{name} ({present[name]})" for name, count in partitions.items() if present.get(name, count) != count]
    if wrong:
        raise TopicError(
            f"topics with another number of partitions than the table has: {', '.join(wrong)}; "
            "offsets and keys depend on it, so point SLUICE_KAFKA__BOOTSTRAP at another cluster"
        )
    out = []
    for group in GROUPS:
        fresh = _not_begun(cluster, group, partitions)
        if fresh:
            _begin(admin, group, fresh)
            out.append(f"group {group} begins at 0 on {len(fresh)} partitions")
    return out


def _not_begun(cluster: Cluster, group: str, partitions: dict[str, int]) -> list[TopicPartition]:
    wanted = [(topic, partition) for topic in GROUPS[group] for partition in range(partitions.get(topic, 0))]
    begun = _patiently(lambda: committed(cluster, group, wanted, ANSWER))
    return [TopicPartition(topic, partition, 0) for topic, partition in wanted if (topic, partition) not in begun]


def _begin(admin: Any, group: str, places: list[TopicPartition]) -> None:
    def alter() -> Any:
        return admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])[group].result(ANSWER)

    try:
        _patiently(alter)
    except TopicError as fault:
        raise TopicError(
            f"group {group} cannot be given its first offsets: {fault}; stop its roles, then `sluice topics apply`"
        ) from fault


def _patiently(ask: Callable[[], Any]) -> Any:
    """The answer; what a cluster that has just started refuses is asked again until the deadline."""
    until = time.monotonic() + DEADLINE
    while True:
        try:
            return ask()
        except TimeoutError as fault:
            # Trap: the first question about a group to a broker that has just been made is never answered.
            if time.monotonic() > until:
                raise TopicError("Kafka does not answer questions about groups") from fault
        except KafkaException as fault:
            error = fault.args[0]
            if error.code() not in _AGAIN or time.monotonic() > until:
                raise TopicError(f"Kafka did not do it: {error.str()}") from fault
            time.sleep(0.05)
