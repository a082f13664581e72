"""What compressing public events costs, by who does it: `python -m infra.bench.compression [--records N] [--rounds N]`.

In: a number of receipts as the receipts stage writes them. Out: a table on stdout: microseconds of CPU per record of the
producing process (its encoding included) and of the broker, and bytes per record as kept; medians over rounds in which every
way has its turn. It starts a Kafka of its own in a temporary folder and removes it. Wrong: `ServiceError` when Kafka does
not start.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from infra.bench.cpu import cpu_seconds
from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.client import NewTopic, make_admin, make_producer
from infra.services.kafka import KafkaService
from schemas.records.receipt_encoder import Shared
from schemas.rules.message_end import PublicEvents, ReceiptColumns
from schemas.values.status import Status, sequence

CHUNK = 500
BURST = 8
"""Chunks."""
DAY_ONE = 1_790_000_000_000


class Way(NamedTuple):
    """`sent`: as the producer sends it; `kept`: `compression.type` of the topic; `ready`: in ready-made batches."""

    sent: str
    kept: str
    ready: bool = True


WAYS = (
    Way("lz4", "lz4"),
    Way("uncompressed", "uncompressed"),
    Way("gzip", "gzip"),
    Way("zstd", "zstd"),
    Way("uncompressed", "gzip"),
    Way("lz4", "lz4", ready=False),
    Way("lz4", "uncompressed", ready=False),
    Way("lz4", "gzip", ready=False),
)


class Cost(NamedTuple):
    """Microseconds of CPU and bytes, per record."""

    producer: float
    broker: float
    kept: float


def receipts(count: int) -> list[PublicEvents]:
    """Receipts of delivered messages in chunks, each with an id of the carrier."""
    chunks: list[PublicEvents] = []
    for chunk in range(-(-count // CHUNK)):
        at = DAY_ONE + chunk * 20
        shared = Shared(
            tenant="0190b5a2-6b1e-7c3a-9d61-3f1d2c4b5a69",
            campaign=f"cmp_{chunk * 7919:026X}",
            reason=None,
            carrier="acme-de",
            status=Status.DELIVERED,
            price=700,
            attempt=1,
            recorded_at=at,
            sequence=sequence(1, Status.DELIVERED),
        )
        ids = [b"msg_%026X_0_%d" % (chunk * 7919, place) for place in range(CHUNK)]
        columns = ReceiptColumns(
            ids,
            hashes=b"".join((hash((chunk, place)) & (1 << 64) - 1).to_bytes(8, "big") for place in range(CHUNK)),
            times=[at + place // 50 for place in range(CHUNK)],
            codes=["000"] * CHUNK,
            segments=[1] * CHUNK,
            carrier_ids=[str(abs(hash((place, chunk))) % 10**10) for place in range(CHUNK)],
        )
        chunks.append(PublicEvents(shared, columns))
    return chunks


def measure(records: int, rounds: int) -> dict[Way, Cost]:
    """The median cost of each way; a round goes ahead unmeasured, for a cold broker costs twice as much."""
    chunks = receipts(records)
    seen: dict[Way, list[Cost]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        kafka = KafkaService(Path(folder) / "kafka", tuning="bench")
        kafka.start()
        try:
            for turn in range(rounds + 1):
                for way in WAYS:
                    cost = _write(kafka, Path(folder), way, chunks)
                    if turn:
                        seen[way].append(cost)
        finally:
            kafka.stop()
    return {way: Cost(*(median(column) for column in zip(*costs, strict=True))) for way, costs in seen.items()}


def _write(kafka: KafkaService, folder: Path, way: Way, chunks: Sequence[PublicEvents]) -> Cost:
    topic = f"receipts-{way.sent}-{way.kept}-{way.ready}"
    admin = make_admin(kafka.address)
    admin.create_topics([NewTopic(topic, 4, 1, config={"compression.type": way.kept})])[topic].result(30)
    make_producer(kafka.address, "bench").list_topics(topic, timeout=30)
    own, broker = time.process_time(), cpu_seconds({"kafka": kafka.pid})["kafka"]
    if way.ready:
        asyncio.run(_in_batches(kafka.address, topic, way.sent, chunks))
    else:
        _one_by_one(kafka.address, topic, chunks)
    own, broker = time.process_time() - own, cpu_seconds({"kafka": kafka.pid})["kafka"] - broker
    kept = sum(log.stat().st_size for log in folder.rglob(f"{topic}-[0-9]/*.log"))
    admin.delete_topics([topic])[topic].result(30)
    count = sum(map(len, chunks))
    return Cost(own * 1e6 / count, broker * 1e6 / count, kept / count)


async def _in_batches(kafka: str, topic: str, compression: str, chunks: Sequence[PublicEvents]) -> None:
    outbox = BatchOutbox(kafka, "bench", compression=compression)
    for begin in range(0, len(chunks), BURST):
        await outbox.send_all(topic, [(chunk.keys, chunk.bodies()) for chunk in chunks[begin : begin + BURST]])
    await outbox.close()


def _one_by_one(kafka: str, topic: str, chunks: Sequence[PublicEvents]) -> None:
    producer = make_producer(kafka, "bench")
    for begin in range(0, len(chunks), BURST):
        for chunk in chunks[begin : begin + BURST]:
            for key, value, headers in chunk:
                producer.produce(topic, value, key, headers=list(headers))
        producer.flush()


def main(arguments: Sequence[str]) -> int:
    """Measure and show."""
    options = argparse.ArgumentParser(prog="infra.bench.compression", description="What compression costs a receipt.")
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args(arguments)
    lines = [("sent", "kept", "ready-made", "producer us", "broker us", "both us", "bytes")]
    lines += [
        (
            way.sent,
            way.kept,
            str(way.ready),
            f"{cost.producer:.2f}",
            f"{cost.broker:.2f}",
            f"{cost.producer + cost.broker:.2f}",
            f"{cost.kept:.0f}",
        )
        for way, cost in measure(given.records, given.rounds).items()
    ]
    sys.stdout.writelines("".join(f"{cell:<14}" for cell in line).rstrip() + "\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
