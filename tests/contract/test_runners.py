"""What every runner of stages promises, on the one in memory and on Faust with a real Kafka.

An input is acknowledged after all its outputs; poison is buried byte for byte with where it came from, the rest goes on; a
step that raises costs the one slice it raised on; an output that Kafka refuses ends the process with nothing acknowledged;
kill -9 in the middle of a burst loses nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from structlog.testing import capture_logs

from infra.services.stack import Stack
from schemas.codec import decode_as
from schemas.records import Envelope
from schemas.topics import DEAD_LETTER
from streams.memory_runner import MemoryRunner
from streams.runner import BrakeOn, Undelivered
from tests.contract.runner_toy import Toy, toy_record, toy_slice
from tests.support.stack import wait_for

Letter = tuple[bytes | None, bytes | None, dict[str, bytes]]
SECONDS = 40.0
Feed = list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]


class Rig(Protocol):
    """One runner with an input, an output and dead letters."""

    async def run(self, feed: Feed, out: int, letters: int) -> tuple[list[str], list[Letter]]:
        """Feed the input until so much came out, or more; (chunk ids, dead letters)."""

    def committed(self) -> int:
        """How many inputs are acknowledged."""


class InMemory:
    """The runner in memory."""

    def __init__(self) -> None:
        self.runner = MemoryRunner(lambda: Toy("out"))

    async def run(self, feed: Feed, out: int, letters: int) -> tuple[list[str], list[Letter]]:
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
        wanted = [NewTopic(f"{self.name}-in", 2, 1), NewTopic(f"{self.name}-out", 1, 1, config={
            "max.message.bytes": str(out_bytes)})]
        if DEAD_LETTER not in self.admin.list_topics(timeout=10).topics:
            wanted.append(NewTopic(DEAD_LETTER, 1, 1))
        futures = self.admin.create_topics(wanted)
        for future in futures.values():
            future.result(10)
        if offsets:
            self._begin()

    def _begin(self) -> None:
        request = ConsumerGroupTopicPartitions(f"{self.name}-group", [
            TopicPartition(f"{self.name}-in", partition, 0) for partition in range(2)])

        def done() -> bool:
            futures = self.admin.alter_consumer_group_offsets([request])
            results = [future.result(10) for future in futures.values()]
            return all(place.error is None for result in results for place in result.topic_partitions)

        wait_for(done, SECONDS)

    def start(self, instance: str = "toy-0") -> subprocess.Popen[bytes]:
        mark = self.folder / f"ready-{instance}"
        mark.unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-m", "tests.contract.runner_toy", self.bootstrap, self.name,
                                  str(self.folder), instance], stdout=(self.folder / "stderr").open("ab"),
                                 stderr=subprocess.STDOUT)
        self.children.append(child)
        return child

    def send(self, feed: Feed) -> None:
        for key, value, headers in feed:
            self.producer.produce(f"{self.name}-in", value=value, key=key, headers=[*headers])
        assert self.producer.flush(10) == 0

    async def run(self, feed: Feed, out: int, letters: int) -> tuple[list[str], list[Letter]]:
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
        result = next(iter(futures.values())).result(10)
        return sum(max(place.offset, 0) for place in result.topic_partitions)

    def _read(self, topic: str, count: int, mine: Callable[[Any], bool]) -> list[Any]:
        """Whatever is ours on a topic of one partition, to its end, and at least `count` records."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"{self.name}-reader",
                             "auto.offset.reset": "earliest", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[Any] = []
        deadline = time.monotonic() + SECONDS
        try:
            end, at = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1], 0
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
            child.wait(10)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What is logged; also keeps structlog from drawing a coloured traceback a second long for each failure."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def faust(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WithFaust]:
    services: Stack = request.getfixturevalue("services")
    rig = WithFaust(services.kafka, tmp_path)
    yield rig
    rig.end()


@pytest.fixture(params=["memory", pytest.param("faust", marks=pytest.mark.stack)])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "memory":
        return InMemory()
    faust: WithFaust = request.getfixturevalue("faust")
    return faust


def plain(value: bytes | None) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    return None, value, []


async def test_what_goes_in_comes_out_and_is_acknowledged(rig: Rig) -> None:
    out, letters = await rig.run([plain(toy_record(toy_slice(f"c{n}"))) for n in range(300)], 300, 0)
    assert sorted(set(out)) == sorted(f"c{n}" for n in range(300))
    assert letters == []
    wait_for(lambda: rig.committed() == 300)


async def test_poison_is_buried_whole_and_the_rest_goes_on(rig: Rig) -> None:
    poison = b"\x07 not ours \xff"
    feed: Feed = [plain(toy_record(toy_slice("before"))), (b"key", poison, [("traceparent", b"00-1")]),
                  (b"null", None, []), plain(toy_record(toy_slice("after")))]
    out, letters = await rig.run(feed, 2, 2)
    assert set(out) == {"before", "after"}
    by_key = {key: (value, headers) for key, value, headers in letters}
    value, headers = by_key[b"key"]
    assert value == poison
    assert headers["traceparent"] == b"00-1"
    assert headers["x-error-code"] == b"undecodable"
    assert headers["x-service"] == b"streams"
    assert headers["x-attempts"] == b"1"
    assert headers["x-first-failed-at"].isdigit() and headers["x-orig-offset"].isdigit()
    assert int(headers["x-orig-timestamp"]) > 0
    assert by_key[b"null"][0] is None
    wait_for(lambda: rig.committed() == 4)


async def test_a_slice_that_fails_is_buried_alone(rig: Rig) -> None:
    mixed = toy_record(toy_slice("good-1"), toy_slice("bad", "boom"), toy_slice("good-2"))
    out, letters = await rig.run([plain(toy_record(toy_slice("first"))), (b"k", mixed, []),
                                  plain(toy_record(toy_slice("last")))], 4, 1)
    assert set(out) == {"first", "good-1", "good-2", "last"}
    [(key, value, headers)] = letters
    assert key == b"k"
    assert value == toy_record(toy_slice("bad", "boom"))
    assert [s.chunk for s in decode_as(value, Envelope).slices] == ["bad"]
    assert headers["x-error-code"] == b"step_failed"
    assert headers["x-error-class"] == b"ValueError"
    wait_for(lambda: rig.committed() == 3)


async def test_an_output_that_is_refused_leaves_the_input_unacknowledged() -> None:
    rig = InMemory()
    rig.runner.send(toy_record(toy_slice("c")))
    rig.runner.topics.fail_next = 1
    with pytest.raises(Undelivered):
        await rig.runner.drain()
    assert rig.committed() == 0
    rig.runner.restart()
    await rig.runner.drain()
    assert rig.committed() == 1
    assert [o.value for o in rig.runner.topics.on("out")] == [b"c"]


async def test_the_brake_ends_the_process_before_a_topic_is_buried(logged: list[Any]) -> None:
    rig = InMemory()
    for n in range(25):
        rig.runner.send(toy_record(toy_slice(f"c{n}", "boom")))
    with pytest.raises(BrakeOn):
        await rig.runner.drain()
    assert rig.committed() == 0
    assert rig.runner.topics.written == []
    assert [entry["offset"] for entry in logged if entry["action"] == "step_failed"] == list(range(21))


async def test_failures_between_successes_pull_no_brake() -> None:
    rig = InMemory()
    for n in range(100):
        rig.runner.send(toy_record(toy_slice(f"c{n}", "boom" if n % 2 else "hi")))
    await rig.runner.drain()
    assert len(rig.runner.topics.on(DEAD_LETTER)) == 50
    assert len(rig.runner.topics.on("out")) == 50


@pytest.mark.stack
def test_faust_ends_with_70_when_an_output_is_refused(services: Stack, tmp_path: Path) -> None:
    rig = WithFaust(services.kafka, tmp_path, out_bytes=150)
    try:
        rig.send([plain(toy_record(toy_slice(os.urandom(2000).hex())))])
        assert rig.start().wait(SECONDS) == 70
        assert rig.committed() == 0
    finally:
        rig.end()


@pytest.mark.stack
def test_faust_says_that_offsets_are_missing(services: Stack, tmp_path: Path) -> None:
    rig = WithFaust(services.kafka, tmp_path, offsets=False)
    try:
        rig.send([plain(toy_record(toy_slice("c")))])
        assert rig.start().wait(SECONDS) == 70
        assert "sluice topics apply" in (tmp_path / "stderr").read_text()
    finally:
        rig.end()


@pytest.mark.stack
def test_kill_in_the_middle_of_a_burst_loses_nothing(faust: WithFaust) -> None:
    feed = [plain(toy_record(toy_slice(f"c{n}", "hang" if n == 150 else "hi"))) for n in range(400)]
    faust.send(feed)
    first = faust.start()
    wait_for(lambda: (faust.folder / "hung").exists(), SECONDS)
    os.kill(first.pid, signal.SIGKILL)
    first.wait(10)
    faust.start()
    wait_for(lambda: faust.committed() == 400, SECONDS)
    assert set(faust.outputs(400)) >= {f"c{n}" for n in range(400)}


@pytest.mark.stack
def test_a_stop_is_quick_and_keeps_what_was_acknowledged(faust: WithFaust) -> None:
    faust.send([plain(toy_record(toy_slice(f"c{n}"))) for n in range(50)])
    child = faust.start()
    faust.outputs(50)
    child.send_signal(signal.SIGTERM)
    child.wait(10)
    faust.send([plain(toy_record(toy_slice("later")))])
    faust.start()
    wait_for(lambda: faust.committed() == 51, SECONDS)
    assert "later" in faust.outputs(51)


@pytest.mark.stack
def test_two_workers_share_and_lose_nothing_when_one_is_killed(faust: WithFaust) -> None:
    first, second = faust.start("toy-0"), faust.start("toy-1")
    wait_for(lambda: (faust.folder / "ready-toy-0").exists() and (faust.folder / "ready-toy-1").exists(), SECONDS)
    for begin in range(0, 600, 200):
        faust.send([plain(toy_record(toy_slice(f"c{n}"))) for n in range(begin, begin + 200)])
        if begin == 200:
            first.kill()
            first.wait(10)
            faust.start("toy-0")
    wait_for(lambda: faust.committed() == 600, SECONDS)
    assert second.poll() is None
    assert set(faust.outputs(600)) >= {f"c{n}" for n in range(600)}
