"""Delay on a real Kafka: killed in the middle, joined by a second one, fed with poison; nothing lost, nothing early."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from connectors import look_ahead
from infra.kafka.client import KafkaException, make_admin, make_consumer, make_producer
from infra.services.stack import Stack
from schemas.records.codec import decode_as, encode
from schemas.records.examples import slice_of
from schemas.records.topics import DEAD_LETTER, INGEST_PARTITIONS, ingest, retries, retry
from schemas.records.wire import Envelope, Retry
from schemas.values.lanes import Lane
from schemas.values.rungs import Rung
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack
GROUP = "sluice-delay"
COUNT = 400
FIRST = 100
SMALL = 20_000
"""A look-ahead that is full all the time."""
MANY = 10_000
LATE_MS = 1_000
SESSION_SECONDS = 30
"""After so long the broker gives up a member that does not return: five times ours, so that no machine is too slow."""
SCRIPT = f"""
import sys
from functools import partial
from pathlib import Path
from connectors import delay, look_ahead
from infra.runtime.role import serve_role
from infra.settings.model import KafkaSettings, Settings
bootstrap, folder, instance, partition_bytes = sys.argv[1:]
look_ahead.PARTITION_BYTES = int(partition_bytes)
delay.make_consumer = partial(delay.make_consumer, **{{"session.timeout.ms": {1000 * SESSION_SECONDS}}})
settings = Settings(data_dir=Path(folder), kafka=KafkaSettings(bootstrap=bootstrap))
Path(folder, instance + ".loaded").touch()
sys.stdin.readline()
sys.exit(serve_role(delay.run, settings=settings, name=instance, pool=None, instance=instance))
"""


class Roles:
    """Processes of the role, each under its instance's name."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._bootstrap, self._folder = bootstrap, folder
        self.partition_bytes = SMALL
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.loaded: dict[str, subprocess.Popen[bytes]] = {}

    def load(self, instance: str) -> None:
        """A process that has read its code and waits for a word to join."""
        mark = self._folder / f"{instance}.loaded"
        mark.unlink(missing_ok=True)
        self.loaded[instance] = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, self._bootstrap, str(self._folder), instance, str(self.partition_bytes)],
            stdin=subprocess.PIPE,
        )
        wait_for(mark.exists, 60)

    def join(self, *instances: str) -> None:
        """Those that were loaded work in the group when this returns."""
        marks = [self._folder / "run" / f"{instance}.json" for instance in instances]
        for mark, instance in zip(marks, instances, strict=True):
            mark.unlink(missing_ok=True)
            self.running[instance] = process = self.loaded.pop(instance)
            assert process.stdin is not None
            process.stdin.close()
        wait_for(lambda: all(mark.exists() for mark in marks), 60)

    def start(self, instance: str) -> None:
        self.load(instance)
        self.join(instance)

    def kill(self, instance: str) -> None:
        self.running[instance].kill()
        assert self.running[instance].wait(30) == -signal.SIGKILL

    def stop(self, instance: str) -> int:
        self.running[instance].terminate()
        return self.running[instance].wait(30)


@pytest.fixture
def roles(services: Stack, topics: None, tmp_path: Path) -> Iterator[Roles]:
    _begin_at_the_end(services.kafka)
    roles = Roles(services.kafka, tmp_path)
    yield roles
    for process in [*roles.running.values(), *roles.loaded.values()]:
        process.kill()
        process.wait(30)


def _places() -> list[TopicPartition]:
    return [
        TopicPartition(topic, partition)
        for lane in Lane
        for topic in retries(lane)
        for partition in range(INGEST_PARTITIONS)
    ]


def _ends(bootstrap: str, places: list[TopicPartition]) -> list[TopicPartition]:
    consumer = make_consumer(bootstrap, f"ends-{uuid4().hex}")
    ends = [TopicPartition(p.topic, p.partition, consumer.get_watermark_offsets(p, timeout=30)[1]) for p in places]
    consumer.close()
    return ends


def _begin_at_the_end(bootstrap: str) -> None:
    """What other tests left is not ours; while members of theirs are still counted, the broker refuses."""
    consumer = make_consumer(bootstrap, GROUP)

    def begun() -> bool:
        try:
            consumer.commit(offsets=_ends(bootstrap, _places()), asynchronous=False)
        except KafkaException:
            return False
        return True

    wait_for(begun, 60)
    consumer.close()


def _committed(consumer: Consumer) -> dict[tuple[str, int], int]:
    return {(p.topic, p.partition): p.offset for p in consumer.committed(_places(), timeout=30)}


@pytest.fixture
def reader(services: Stack, roles: Roles) -> Iterator[Consumer]:
    """Reads what comes from now on to `ingest` and `dead-letter`; `roles` has made the topics."""
    places = [TopicPartition(ingest(lane), partition) for lane in Lane for partition in range(INGEST_PARTITIONS)]
    consumer = make_consumer(services.kafka, f"reader-{uuid4().hex}")
    consumer.assign(_ends(services.kafka, [*places, TopicPartition(DEAD_LETTER, 0)]))
    yield consumer
    consumer.close()


def _members(bootstrap: str) -> set[str]:
    admin = make_admin(bootstrap)  # a client that is not kept gives its requests up
    group = admin.describe_consumer_groups([GROUP])[GROUP].result(30)
    return {member.group_instance_id for member in group.members}


class Seen:
    """What the reader has seen of this test: when each chunk came back, which poison was buried."""

    def __init__(self, consumer: Consumer, mark: str) -> None:
        self._consumer, self._mark = consumer, mark
        self.came: dict[str, list[int]] = {}
        self.buried: list[Message] = []

    def look(self) -> None:
        for message in self._consumer.consume(500, 0.05):
            assert message.error() is None
            if message.topic() == DEAD_LETTER:
                self.buried += [message] if message.key() == self._mark.encode() else []
                continue
            for slice_ in decode_as(message.value(), Envelope).slices:
                if slice_.chunk.startswith(self._mark):
                    self.came.setdefault(slice_.chunk, []).append(message.timestamp()[1])

    def count(self) -> int:
        self.look()
        return len(self.came)


def _feed(producer: Producer, mark: str, chance: random.Random, numbers: range) -> dict[str, int]:
    """Retries of all lanes and rungs that become due one after the other, fifty a second; when each may come back."""
    now, due = time.time_ns() // 1_000_000, dict[str, int]()
    for place, number in enumerate(numbers):
        chunk, lane = f"{mark}-{number}", list(Lane)[number % 3]
        rung = list(Rung)[number // 3 % 3]
        due[chunk] = now + 300 + place * 20 + chance.randrange(500)
        slice_ = msgspec.structs.replace(slice_of(0b010, send=2), chunk=chunk, lane=lane, campaign=None)
        producer.produce(
            retry(lane, rung),
            key=chunk.encode(),
            value=encode(Retry(not_before=due[chunk], reason="carrier_transient", slice=slice_)),
        )
    assert producer.flush(30) == 0
    return due


def test_nothing_is_lost_nothing_is_early_over_kills_and_rebalances(services: Stack, roles: Roles, reader: Consumer) -> None:
    mark = uuid4().hex
    seen = Seen(reader, mark)
    producer, chance = make_producer(services.kafka, mark), random.Random(7)
    roles.start("delay-a")
    due = _feed(producer, mark, chance, range(FIRST))
    for poison in (None, b"", b"poison"):
        producer.produce(retry(Lane.OTP, Rung.TEN_SECONDS), key=mark.encode(), value=poison)
    wait_for(lambda: seen.count() > 10, 30)
    roles.start("delay-b")
    roles.load("delay-a")
    roles.load("delay-b")
    due |= _feed(producer, mark, chance, range(FIRST, COUNT))  # the first ones may all be back by now
    wait_for(lambda: seen.count() > FIRST + 20, 30)
    roles.kill("delay-a")
    roles.kill("delay-b")
    assert len(seen.came) < COUNT
    began = time.monotonic()
    roles.join("delay-a", "delay-b")
    assert time.monotonic() - began < SESSION_SECONDS, (
        "a restarted process takes its place without waiting for the session's end"
    )
    assert _members(services.kafka) == {"delay-a", "delay-b"}
    wait_for(lambda: seen.count() == COUNT, 60)
    assert set(seen.came) == set(due)
    assert [chunk for chunk, times in seen.came.items() if min(times) < due[chunk]] == []
    wait_for(lambda: seen.count() and len({message.offset() for message in seen.buried}) >= 3)
    assert {message.value() for message in seen.buried} == {None, b"", b"poison"}
    group = make_consumer(services.kafka, GROUP)
    ends = {(p.topic, p.partition): p.offset for p in _ends(services.kafka, _places())}
    wait_for(lambda: _committed(group) == ends, 30)
    group.close()
    assert (roles.stop("delay-a"), roles.stop("delay-b")) == (0, 0)


def test_ten_thousand_are_never_early_and_hardly_late_whatever_waits_beside_them(
    services: Stack, roles: Roles, reader: Consumer
) -> None:
    """They become due within two seconds, on all rungs and lanes; behind them others wait on."""
    mark = uuid4().hex
    seen, producer, chance = Seen(reader, mark), make_producer(services.kafka, mark), random.Random(3)
    roles.partition_bytes = look_ahead.PARTITION_BYTES
    roles.load("delay-a")
    now, due = time.time_ns() // 1_000_000, dict[str, int]()

    def write(chunk: str, lane: Lane, rung: Rung, not_before: int) -> None:
        slice_ = msgspec.structs.replace(slice_of(0b010, send=2), chunk=chunk, lane=lane, campaign=None)
        value = encode(Retry(not_before=not_before, reason="carrier_transient", slice=slice_))
        producer.produce(retry(lane, rung), key=chunk.encode(), value=value)

    for number in range(MANY):
        due[chunk := f"{mark}-{number}"] = now + 12_000 + chance.randrange(2_000)
        write(chunk, list(Lane)[number % 3], list(Rung)[number // 3 % 3], due[chunk])
    for number in range(MANY // 5):  # behind them, and not due before this test is over
        write(f"{mark}-later-{number}", list(Lane)[number % 3], Rung.TEN_MINUTES, now + 600_000)
    assert producer.flush(30) == 0
    roles.join("delay-a")
    wait_for(lambda: seen.count() >= MANY, 60)
    assert set(seen.came) == set(due)
    late = sorted(min(times) - due[chunk] for chunk, times in seen.came.items())
    assert late[0] >= 0
    assert late[MANY * 99 // 100] <= LATE_MS, (
        f"median {late[MANY // 2]} ms, p99 {late[MANY * 99 // 100]} ms, last {late[-1]} ms"
    )
    assert [chunk for chunk, times in seen.came.items() if len(times) > 1] == []
    assert roles.stop("delay-a") == 0
