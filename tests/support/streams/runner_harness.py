"""The runners under test, each with an input, an output and dead letters that a test can see.

In: records for the input. Out: what came out, what became a dead letter, how much is acknowledged. Wrong: AssertionError
with the end of what the process said when less came out than was waited for.
"""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from schemas.records.topics import DEAD_LETTER
from streams.memory_runner import MemoryRunner
from tests.support.streams.toy_runner import Toy
from tests.support.waiting import wait_for

Letter = tuple[bytes | None, bytes | None, dict[str, bytes]]
SECONDS = 60.0
ConsumerThread = list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]


class RunnerHarness(Protocol):
    """One runner with an input, an output and dead letters."""

    async def run(self, feed: ConsumerThread, out: int, letters: int) -> tuple[list[str], list[Letter]]:
        """ConsumerThread the input until so much came out, or more; (chunk ids, dead letters)."""

    def committed(self) -> int:
        """How many inputs are acknowledged."""


class InMemory:
    """The runner in memory."""

    def __init__(self) -> None:
        self.runner = MemoryRunner(lambda: Toy("out"))

    async def run(self, feed: ConsumerThread, out: int, letters: int) -> tuple[list[str], list[Letter]]:
        for key, value, headers in feed:
            self.runner.send(value, key, headers)
        await self.runner.drain()
        chunks = [(o.value or b"").decode() for o in self.runner.topics.on("out")]
        return chunks, [(o.key, o.value, dict(o.headers)) for o in self.runner.topics.on(DEAD_LETTER)]

    def committed(self) -> int:
        return self.runner.acknowledged


class WithFaust:
    """Faust in a process of its own, on topics of its own."""

    def __init__(self, bootstrap: str, folder: Path, *, out_bytes: int = 1_000_000, offsets: bool = True) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.name = f"toy-{uuid.uuid4().hex[:8]}"
        self.children: list[subprocess.Popen[bytes]] = []
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
        wanted = [
            NewTopic(f"{self.name}-in", 2, 1),
            NewTopic(f"{self.name}-out", 1, 1, config={"max.message.bytes": str(out_bytes)}),
        ]
        if DEAD_LETTER not in self.admin.list_topics(timeout=30).topics:
            wanted.append(NewTopic(DEAD_LETTER, 1, 1))
        futures = self.admin.create_topics(wanted)
        for future in futures.values():
            future.result(30)
        if offsets:
            self._begin()

    def _begin(self) -> None:
        request = ConsumerGroupTopicPartitions(
            f"{self.name}-group", [TopicPartition(f"{self.name}-in", partition, 0) for partition in range(2)]
        )

        def done() -> bool:
            futures = self.admin.alter_consumer_group_offsets([request])
            results = [future.result(30) for future in futures.values()]
            return all(place.error is None for result in results for place in result.topic_partitions)

        wait_for(done, SECONDS)

    def start(self, instance: str = "toy-0", *more: str) -> subprocess.Popen[bytes]:
        (self.folder / f"ready-{instance}").unlink(missing_ok=True)
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.streams.toy_runner",
                self.bootstrap,
                self.name,
                str(self.folder),
                instance,
                *more,
            ],
            stdout=(self.folder / "stderr").open("ab"),
            stderr=subprocess.STDOUT,
        )
        self.children.append(child)
        return child

    def send(self, feed: ConsumerThread) -> None:
        for key, value, headers in feed:
            self.producer.produce(f"{self.name}-in", value=value, key=key, headers=[*headers])
        assert self.producer.flush(30) == 0

    async def run(self, feed: ConsumerThread, out: int, letters: int) -> tuple[list[str], list[Letter]]:
        self.send(feed)
        self.start()
        return self.outputs(out), self.letters(letters)

    def outputs(self, count: int) -> list[str]:
        return [(message.value() or b"").decode() for message in self._read(f"{self.name}-out", count, lambda m: True)]

    def letters(self, count: int) -> list[Letter]:
        def mine(message: Any) -> bool:
            return bool(dict(message.headers())["x-orig-topic"] == f"{self.name}-in".encode())

        return [(m.key(), m.value(), dict(m.headers())) for m in self._read(DEAD_LETTER, count, mine)]

    def committed(self) -> int:
        request = ConsumerGroupTopicPartitions(f"{self.name}-group")
        futures = self.admin.list_consumer_group_offsets([request])
        result = next(iter(futures.values())).result(30)
        return sum(max(place.offset, 0) for place in result.topic_partitions)

    def _read(self, topic: str, count: int, mine: Callable[[Any], bool]) -> list[Any]:
        """Whatever is ours on a topic of one partition, to its end, and at least `count` records."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.name}-reader",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[Any] = []
        deadline = time.monotonic() + SECONDS
        try:
            end, at = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1], 0
            while (len(found) < count or at < end) and time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    at = (message.offset() or 0) + 1
                    found += [message] if mine(message) else []
        finally:
            consumer.close()
        assert len(found) >= count, f"{len(found)} of {count} on {topic}: {(self.folder / 'stderr').read_text()[-2000:]}"
        return found

    def end(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait(30)
