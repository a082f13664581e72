"""Campaigns' commands from the real Kafka: all that was there at the start, then what follows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from infra.kafka import command_cache, dead_letter
from infra.kafka.command_cache import CommandCache, CommandsUnreadable
from infra.kafka.log_reader import end_offsets, read_log
from infra.kafka.records import ConsumerRecord
from infra.kafka.rejected_commands import RejectedCommands
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.wire import CampaignCommand

pytestmark = pytest.mark.stack


def command(campaign: str, version: int, status: str = "running") -> CampaignCommand:
    return CampaignCommand(tenant="t", campaign=campaign, version=version, status=status, lane="marketing", parts=[0], at=1)


@pytest.fixture
def topic(services: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"commands-{uuid.uuid4().hex[:8]}"
    create(services, NewTopic(name, 1, 1, config={"cleanup.policy": "compact"}))
    monkeypatch.setattr(command_cache, "COMMANDS", name)
    return name


@pytest.fixture
def letters(services: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"letters-{uuid.uuid4().hex[:8]}"
    create(services, NewTopic(name, 1, 1))
    monkeypatch.setattr(dead_letter, "DEAD_LETTER", name)
    return name


def create(services: Stack, topic: NewTopic) -> None:
    admin = AdminClient({"bootstrap.servers": services.kafka})
    for future in admin.create_topics([topic]).values():
        future.result(30)


def send(services: Stack, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": services.kafka})
    for value in values:
        producer.produce(topic, value=value, key=b"k")
    assert producer.flush(30) == 0


async def test_everything_is_known_at_the_start_and_later_ones_arrive(services: Stack, topic: str) -> None:
    send(
        services,
        topic,
        encode(command("a", 1, "draft")),
        b"rubbish",
        encode(command("a", 3)),
        encode(command("a", 2)),
        encode(command("b", 1)),
    )
    cache = CommandCache(services.kafka)
    await cache.start()
    assert (cache.version("a"), cache.version("b"), cache.version("c"), cache.unreadable) == (3, 1, 0, 1)
    assert cache.get("c") is None
    assert not await cache.wait_version("c", 1, 0.05)
    send(services, topic, encode(command("c", 1)))
    assert await cache.wait_version("c", 1, 30)
    known = cache.get("c")
    assert known is not None and known.status == "running"
    await cache.stop()


async def test_a_record_without_a_value_ends_what_its_key_said(services: Stack, topic: str, letters: str) -> None:
    send(services, topic, encode(command("k", 3)))
    cache = CommandCache(services.kafka, RejectedCommands(services.kafka, "streams"))
    await cache.start()
    assert cache.version("k") == 3
    producer = Producer({"bootstrap.servers": services.kafka})
    producer.produce(topic, value=None, key=b"k")
    producer.produce(topic, value=encode(command("other", 1)), key=b"other")
    assert producer.flush(30) == 0
    assert await cache.wait_version("other", 1, 20)
    assert cache.get("k") is None and cache.unreadable == 0
    assert list(read_log(services.kafka, end_offsets(services.kafka, [letters]))) == []
    await cache.stop()


async def test_what_is_no_command_is_buried_once_byte_for_byte(services: Stack, topic: str, letters: str) -> None:
    send(services, topic, b"rubbish\xff", encode(command("a", 1)))
    for _ in range(2):
        cache = CommandCache(services.kafka, RejectedCommands(services.kafka, "streams"))
        await cache.start()
        assert (cache.version("a"), cache.unreadable) == (1, 1)
        await cache.stop()
    send(services, topic, encode(command("b", 1)), b"")
    cache = CommandCache(services.kafka, RejectedCommands(services.kafka, "streams"))
    await cache.start()
    await cache.stop()
    buried = list(read_log(services.kafka, end_offsets(services.kafka, [letters])))
    assert [(entry.key, entry.value) for entry in buried] == [(b"k", b"rubbish\xff"), (b"k", b"")]
    headers = dict(buried[0].headers)
    assert (headers["x-orig-offset"], headers["x-service"], headers["x-error-code"]) == (b"0", b"streams", b"undecodable")


async def test_a_burial_that_fails_holds_up_no_command(services: Stack, topic: str) -> None:
    class Failing(RejectedCommands):
        def dead_letter_once(self, records: Sequence[ConsumerRecord]) -> None:
            raise KafkaException("no dead letters today")

    send(services, topic, b"rubbish", encode(command("a", 1)))
    cache = CommandCache(services.kafka, Failing(services.kafka, "streams"))
    await cache.start()
    assert cache.version("a") == 1
    await cache.stop()


async def test_an_empty_topic_is_read_at_once(services: Stack, topic: str) -> None:
    cache = CommandCache(services.kafka)
    await cache.start()
    assert cache.version("a") == 0
    await cache.stop()


async def test_a_topic_that_is_missing_is_said(services: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_cache, "COMMANDS", f"none-{uuid.uuid4().hex}")
    with pytest.raises(CommandsUnreadable, match="topics apply"):
        await CommandCache(services.kafka).start()
