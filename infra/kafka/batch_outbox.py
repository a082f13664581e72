"""The way out to Kafka for many records of one topic, or a few of several: ready-made batches, one request for all
partitions, where the other client makes one a partition.

In: keys and bodies of records (`schemas.records.kafka_format.record_body`), each block with its own; or records. Out:
nothing once Kafka has acknowledged all of them, or `DeliveryError` with the first fault, then nobody knows which of them
stand there; the next call begins with a new producer. Guarantee: idempotent, in order within a partition, by the same
partitioner as every producer here; batches are no larger than the topic takes, and compressed as it keeps them, so that the
broker has nothing to do anew (decision 15). A client that is given records one by one costs four times as much: it copies
each of nine strings.
`aiokafka` never gives up a batch of an idempotent producer, so the time limit is kept here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from infra.kafka.outbox import DeliveryError
from infra.kafka.record_batch import RecordBatch, cut
from infra.kafka.records import ProducerRecord
from infra.kafka.security import Cluster, aiokafka_options
from schemas.records.kafka_format import record_body
from schemas.records.topics import RECORD_BYTES
from schemas.values.partitions import partitions_of

SECONDS = 8.0
RETRY_MS = 50
IDLE_MS = 540_000
GOODBYE_SECONDS = 1.0

Block = tuple[Sequence[bytes], Sequence[bytes]]
"""Keys and bodies, one a record."""


class BatchOutbox:
    """A producer of its own, made at the first call; to be used inside one running loop. `compression`: as Kafka's setting
    of topics names it."""

    def __init__(self, cluster: Cluster, client_id: str, *, compression: str = "uncompressed") -> None:
        self._cluster = cluster
        self._client_id = client_id
        self._compression = compression
        self._producer: AIOKafkaProducer | None = None
        self._one_at_a_time = asyncio.Lock()

    async def send_all(self, topic: str, blocks: Sequence[Block], *, most: int = RECORD_BYTES) -> None:
        """Return when Kafka has acknowledged them all. `most`: bytes of a batch, as the topic takes them. Raises
        DeliveryError."""
        await self._send_topics({topic: blocks}, most)

    async def send_records(self, records: Sequence[ProducerRecord], *, most: int = RECORD_BYTES) -> None:
        """The same for records of several topics, each with a key, which alone says where it goes. Raises DeliveryError."""
        topics: dict[str, tuple[list[bytes], list[bytes]]] = {}
        for topic, key, value, headers, _ in records:
            keys, bodies = topics.setdefault(topic, ([], []))
            keys.append(key or b"")
            bodies.append(record_body(key or b"", value or b"", headers))
        await self._send_topics({topic: [block] for topic, block in topics.items()}, most)

    async def open(self, topics: Collection[str]) -> None:
        """Connect, and learn where these topics are: the first records then find everything known. Raises DeliveryError."""
        await self._send_topics(dict.fromkeys(topics, ()), RECORD_BYTES)

    async def close(self) -> None:
        """End the producer."""
        async with self._one_at_a_time:
            await self._part()

    async def _send_topics(self, topics: Mapping[str, Sequence[Block]], most: int) -> None:
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(SECONDS):
                    await self._send(topics, most)
            except (KafkaError, TimeoutError) as fault:
                await self._part()
                raise DeliveryError(f"{', '.join(topics)}: {_sentence(fault)}") from fault
            except BaseException:
                await self._part()
                raise

    async def _send(self, topics: Mapping[str, Sequence[Block]], most: int) -> None:
        if self._producer is None:
            self._producer = await self._start()
        producer = self._producer
        partitions = {topic: len(await producer.partitions_for(topic)) for topic in topics}
        now = time.time_ns() // 1_000_000
        acknowledged = [
            await producer.send_batch(RecordBatch(part, now, self._compression), topic, partition=partition)
            for topic, blocks in topics.items()
            for partition, bodies in enumerate(_by_partition(blocks, partitions[topic]))
            for part in cut(bodies, most)
        ]
        for outcome in await asyncio.gather(*acknowledged, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **aiokafka_options(self._cluster),
            client_id=self._client_id,
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=int(SECONDS * 1000),
            retry_backoff_ms=RETRY_MS,
            metadata_max_age_ms=IDLE_MS,
            connections_max_idle_ms=IDLE_MS,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _part(self) -> None:
        """Give the producer up, with whatever it holds: after a fault its numbers of records may have a gap."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), GOODBYE_SECONDS)


def _by_partition(blocks: Sequence[Block], partitions: int) -> list[list[bytes]]:
    """The bodies for each partition, in order."""
    out: list[list[bytes]] = [[] for _ in range(partitions)]
    for keys, bodies in blocks:
        places = partitions_of(keys, partitions)
        for body, place in zip(bodies, places, strict=True):
            out[place].append(body)
    return out


def _sentence(fault: Exception) -> str:
    return "not acknowledged in time" if isinstance(fault, TimeoutError) else f"{type(fault).__name__}: {fault}"
