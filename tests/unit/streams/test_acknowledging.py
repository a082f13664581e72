"""Inputs are acknowledged in order, and none before its own outputs and those of all before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from infra.kafka.outbox import DeliveryError
from infra.kafka.records import ProducerRecord
from schemas.records.topics import USAGE, dispatch, events
from schemas.values.lanes import Lane
from streams.acknowledging import MOST_OPEN, InOrder
from streams.handler import Undelivered
from streams.kafka_outlet import KafkaOutlet
from tests.support.waiting import until


class Acks:
    """What was acknowledged."""

    def __init__(self) -> None:
        self.done: list[int] = []

    async def ack(self, one: int) -> None:
        self.done.append(one)


@pytest.fixture
async def acks() -> Acks:
    return Acks()


@pytest.fixture
async def order(acks: Acks) -> AsyncIterator[InOrder]:
    order = InOrder(acks.ack)
    task = asyncio.create_task(order.run())
    yield order
    task.cancel()


async def test_what_leaves_nothing_open_is_acknowledged_at_once(order: InOrder, acks: Acks) -> None:
    await order.add([1, 2], None)
    assert acks.done == [1, 2]


async def test_no_batch_overtakes_one_whose_outputs_are_under_way(order: InOrder, acks: Acks) -> None:
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
    await order.add([1], first)
    await order.add([2], second)
    await order.add([3], None)
    second.set_result(None)
    await asyncio.sleep(0)
    assert acks.done == []
    first.set_result(None)
    await until(lambda: acks.done == [1, 2, 3])
    await order.add([4], None)
    assert acks.done == [1, 2, 3, 4]


async def test_outputs_that_fail_leave_their_batch_and_all_behind_it_unacknowledged(acks: Acks) -> None:
    order, failing = InOrder(acks.ack), asyncio.get_running_loop().create_future()
    failing.set_exception(Undelivered("no"))
    await order.add([1], failing)
    await order.add([2], None)
    with pytest.raises(Undelivered):
        await order.run()
    assert acks.done == []


async def test_so_many_batches_may_be_open_and_no_more(acks: Acks) -> None:
    order, never = InOrder(acks.ack), asyncio.get_running_loop().create_future()
    for number in range(MOST_OPEN):
        await order.add([number], never)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(order.add([MOST_OPEN], None), 0.01)


class Way:
    """A producer that acknowledges when it is told to."""

    def __init__(self) -> None:
        self.given: list[ProducerRecord] = []
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send_all(self, records: list[ProducerRecord]) -> asyncio.Future[None]:
        self.given += records
        return self.acknowledged

    add = send_all


async def test_a_slice_for_a_carrier_waits_for_nothing_that_only_tells_of_it() -> None:
    urgent, patient = Way(), Way()
    outlet = KafkaOutlet(urgent, None, patient)  # type: ignore[arg-type]
    topics = [dispatch(Lane.OTP), events(Lane.OTP), USAGE]
    delivering = asyncio.create_task(outlet.deliver([ProducerRecord(topic, b"k", b"v") for topic in topics]))
    await until(lambda: bool(urgent.given))
    assert [record.topic for record in urgent.given] == topics[:1] and [one.topic for one in patient.given] == topics[1:]
    assert not delivering.done()
    urgent.acknowledged.set_result(None)
    rest = await delivering
    assert rest is not None and not rest.done()
    patient.acknowledged.set_exception(DeliveryError("away"))
    with pytest.raises(Undelivered):
        await rest
