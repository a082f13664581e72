"""The one factory of Kafka clients: access (security.py), safe producer and consumer settings, the same everywhere.

Producers are idempotent, wait for all replicas and give up after 8 s; keys are hashed as the Java client does it.
Consumers use the classic group protocol with static membership and commit by hand. What goes wrong comes back as
`KafkaError` in delivery reports, or as `KafkaException`. What a client says of itself goes to our log (client_log.py) as
it is polled: a consumer by whoever reads with it, a producer by `Outbox`, or now and then by a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.kafka.client_log import ClientLog, listen
from infra.kafka.security import Cluster, Value, addresses, librdkafka_options
from schemas.records.topics import DEAD_LETTER_BYTES

__all__ = [
    "Cluster",
    "KafkaException",
    "NewTopic",
    "TopicPartition",
    "Value",
    "make_admin",
    "make_consumer",
    "make_producer",
]

FAST_RECONNECT: Mapping[str, Value] = {
    "retry.backoff.ms": 50,
    "retry.backoff.max.ms": 200,
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 200,
    "topic.metadata.refresh.interval.ms": 1000,
    "socket.connection.setup.timeout.ms": 1000,
    "allow.auto.create.topics": False,
}

ALONE_METADATA_MS = 10_000
_WAKE_SECONDS = 0.3
_NEWEST = 2**53


class _Writer(Producer):
    """The client's producer, which can be referred to without being held."""


class _Reader(Consumer):
    """The client's consumer, whose paused partitions give their records at once when they are resumed.

    Trap: the client's thread for a broker that it reads nothing else from sleeps up to a second and is not woken by
    `resume`; a question to that broker wakes it (3 ms instead of 700, measured with librdkafka 2.16). Without an answer the
    records come within that second all the same.
    """

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Read on there."""
        super().resume(partitions)
        if not partitions:
            return
        with suppress(KafkaException):
            self.offsets_for_times([TopicPartition(one.topic, one.partition, _NEWEST) for one in partitions], _WAKE_SECONDS)


def make_producer(
    cluster: Cluster,
    client_id: str,
    *,
    linger_ms: float = 0,
    queue_messages: int = 200_000,
    polled: bool = False,
) -> Producer:
    """A producer for `Outbox`; `linger_ms` 0 for otp, 5 to 20 for bulk. `polled`: the caller has a thread that does nothing
    else, and no other may give its reports."""
    producer = _Writer(
        {
            **_reaching(cluster),
            "client.id": client_id,
            "enable.idempotence": True,
            "acks": "all",
            # Trap: the client's own default places keys on other partitions than the Java client and aiokafka.
            "partitioner": "murmur2_random",
            "message.timeout.ms": 8000,
            "linger.ms": linger_ms,
            "compression.type": "lz4",
            "queue.buffering.max.messages": queue_messages,
            "queue.buffering.max.kbytes": 262_144,
            # A dead letter is as large as the record it holds, and its headers.
            "message.max.bytes": DEAD_LETTER_BYTES,
        },
        logger=ClientLog(),
    )
    if not polled:
        listen(producer)
    return producer


def make_consumer(cluster: Cluster, group: str, instance: str | None = None, **extra: Value) -> Consumer:
    """A consumer that commits by hand. `instance`: the stable ordinal of static membership, None for none.

    Without a committed offset it fails (`auto.offset.reset=error`) unless `extra` says otherwise: a stage must
    never jump over what it did not see.
    """
    return _Reader(
        {
            **_reaching(cluster),
            "group.id": group,
            "client.id": instance or group,
            **({"group.instance.id": instance} if instance else {}),
            "group.protocol": "classic",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 2000,
            "max.poll.interval.ms": 300_000,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 65_536,
            **extra,
        },
        logger=ClientLog(),
    )


Tell = Callable[[int | None, str], None]


class _Ear:
    """The `logger` of a client whose lines are wanted as they are."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def log(self, _level: int, _form: str, _facility: str, _client: str, words: str) -> None:
        self._tell(None, words)


def make_admin(cluster: Cluster, tell: Tell | None = None) -> AdminClient:
    """An admin client. Its calls say what went wrong; the client's own lines about it would come fifty a second.
    `tell`: gets all that it says beside its answers, with a code or without one, as soon as it is polled."""
    if tell is None:
        return AdminClient({**_reaching(cluster), "log_level": 2})
    beside: dict[str, Any] = {"error_cb": lambda error: tell(error.code(), error.str())}
    return AdminClient({**_reaching(cluster), **beside}, logger=_Ear(tell))


def _reaching(cluster: Cluster) -> dict[str, Any]:
    """Address, access, and back-off for fast fail-over; librdkafka takes the broker's word for the rest. One broker on this
    machine has nobody to fail over to: thirty clients need not ask it every second who leads what."""
    bootstrap = addresses(cluster)
    alone = "," not in bootstrap and bootstrap.startswith(("127.0.0.1:", "localhost:", "[::1]:"))
    return {
        **FAST_RECONNECT,
        **({"topic.metadata.refresh.interval.ms": ALONE_METADATA_MS} if alone else {}),
        **librdkafka_options(cluster),
    }
