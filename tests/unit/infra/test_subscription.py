"""A subscription's partitions: begun, held and released, given up and got back; which faults pass. No Kafka is asked."""

from __future__ import annotations

from typing import Any

import pytest

from infra.kafka.client import KafkaException, TopicPartition
from infra.kafka.subscription import Subscription
from tests.support.delay_harness import FakeConsumer, Message

ONE, TWO = ("t", 0), ("t", 1)


class Consumer(FakeConsumer):
    """Knows which partitions are read, and which of these are paused."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: dict[tuple[str, int], int] = {}
        self.still: set[tuple[str, int]] = set()

    def assign(self, places: list[Any]) -> None:
        self.reads = {(one.topic, one.partition): one.offset for one in places}

    def unassign(self) -> None:
        self.reads = {}

    def pause(self, places: list[Any]) -> None:
        self.still |= {(one.topic, one.partition) for one in places}

    def resume(self, places: list[Any]) -> None:
        self.still -= {(one.topic, one.partition) for one in places}

    def poll(self, _seconds: float) -> Message | None:
        return self.batch.pop(0) if self.batch else None

    def give(self, *places: tuple[str, int]) -> None:
        self.on_assign(self, [TopicPartition(*place) for place in places])

    def revoke(self, *places: tuple[str, int]) -> None:
        self.on_revoke(self, [TopicPartition(*place) for place in places])


def subscribe(consumer: Consumer, **how: Any) -> tuple[Subscription, list[Any]]:
    told: list[Any] = []
    subscription = Subscription(
        consumer,
        assigned=lambda places: told.append(("assigned", sorted(places))),
        revoked=lambda places: told.append(("revoked", sorted(places))),
        **how,
    )
    subscription.join(["t"])
    return subscription, told


def test_a_partition_is_read_unless_it_is_held_alone_or_with_all() -> None:
    consumer = Consumer()
    subscription, told = subscribe(consumer)
    consumer.give(ONE, TWO)
    assert told == [("assigned", [ONE, TWO])] and not consumer.still
    subscription.hold(ONE)
    subscription.poll(1, 0)
    assert consumer.still == {ONE}
    subscription.all_held = True
    subscription.poll(1, 0)
    assert consumer.still == {ONE, TWO}
    subscription.all_held = False
    subscription.release(ONE)
    subscription.poll(1, 0)
    assert not consumer.still


def test_what_begins_held_is_not_read_before_its_release() -> None:
    consumer = Consumer()
    subscription, _ = subscribe(consumer, begin_held=True)
    consumer.give(ONE)
    assert consumer.still == {ONE}
    subscription.release(ONE)
    subscription.poll(1, 0)
    assert not consumer.still


def test_a_pause_does_not_outlive_a_change_of_owners() -> None:
    consumer = Consumer()
    subscription, told = subscribe(consumer)
    consumer.give(ONE)
    subscription.hold(ONE)
    subscription.poll(1, 0)
    consumer.revoke(ONE)
    assert not subscription.owns(ONE) and told[-1] == ("revoked", [ONE])
    consumer.give(ONE)
    subscription.poll(1, 0)
    assert subscription.owns(ONE) and not consumer.still


def test_with_offsets_of_its_own_nothing_is_read_before_it_says_from_where() -> None:
    consumer = Consumer()
    subscription, _ = subscribe(consumer, own_offsets=True)
    consumer.give(ONE)
    assert consumer.reads == {}
    subscription.assign({ONE: 7})
    assert consumer.reads == {ONE: 7}
    consumer.revoke(ONE)
    assert consumer.reads == {}


def test_a_passing_fault_is_passed_and_a_hopeless_one_raised() -> None:
    consumer = Consumer()
    subscription, _ = subscribe(consumer)
    consumer.batch = [Message(0, None, error="_TRANSPORT"), Message(1, b"good")]
    assert [record.offset for record in subscription.poll(10, 0)] == [1]
    consumer.batch = [Message(0, None, error="_AUTO_OFFSET_RESET")]
    with pytest.raises(KafkaException):
        subscription.poll(10, 0)
