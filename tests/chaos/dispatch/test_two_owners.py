"""Two living processes of a pool: partitions go from one to the other in mid-traffic, with a word and without one.

The services are this file's own: a member of the group that is killed keeps its partitions until its session ends, and
would keep them from the tests of other files.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator

import pytest

from connectors.carriers.simulator.script import Script
from infra.kafka import topic_admin
from infra.kafka.client import make_admin
from infra.runtime.role import FAILED
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.wire import Envelope, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.positions import places
from tests.component.dispatch.conftest import MakePlace
from tests.support.dispatch.env import Place, outcomes, until
from tests.support.service_stack import running_stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]
PARTITIONS = range(8)
FIRST, SECOND = "dispatch-bulk-0", "dispatch-bulk-1"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Services whose groups may be left in disorder."""
    with running_stack(tmp_path_factory.mktemp("shared")) as stack:
        yield stack


@pytest.fixture(scope="module")
def topics(services: Stack) -> None:
    """All topics there, with first offsets."""
    topic_admin.apply(services.kafka, 1)


@pytest.fixture(autouse=True)
async def empty_group(services: Stack, topics: None) -> None:
    """The sessions of members that an earlier test killed have ended."""
    admin, group = make_admin(services.kafka), "sluice-dispatch-bulk"
    await until(lambda: not admin.describe_consumer_groups([group])[group].result(30).members)


def partitions_of(place: Place, instance: str) -> set[int]:
    """The partitions that a process has taken over so far."""
    lines = [json.loads(line) for line in place.said(instance).splitlines() if '"action":"owner"' in line]
    return {line["partition"] for line in lines}


def put_everywhere(place: Place, size: int) -> None:
    """A slice of so many messages on every partition."""
    for partition in PARTITIONS:
        place.put_raw(encode(Envelope(slices=[place.slice(size, partition)])), partition=partition)


async def comes_to_an_end(place: Place, messages: int) -> None:
    """Return when each has an outcome. Trap: reading eight logs takes as long as the carrier, which lives on this loop, may
    take for an answer; so they are read beside it."""
    deadline = asyncio.get_running_loop().time() + 60
    while len(await asyncio.to_thread(lambda: outcomes(place.everywhere(Settled)))) < messages:
        assert asyncio.get_running_loop().time() < deadline, "not within 60 s"


def begun(place: Place) -> list[tuple[str, int]]:
    """Each start of each message."""
    return [(record.chunk, position) for record in place.everywhere(Started) for position in places(record.positions)]


async def test_a_second_process_takes_over_its_share_and_nothing_is_in_doubt(make_place: MakePlace) -> None:
    place = make_place(Lane.MARKETING)
    place.watch(PARTITIONS)
    await place.open(Script(answer_delay_seconds=0.2), rate=20)  # slow enough for a second one to come meanwhile
    first = await place.spawn(FIRST)
    put_everywhere(place, 50)
    await until(lambda: len(place.times_taken()) > 20)
    second = await place.spawn(SECOND)
    assert len(place.times_taken()) < 350, "this is to be the middle"
    place.database("UPDATE carriers SET rate = 100")
    await comes_to_an_end(place, 400)
    assert set(outcomes(place.everywhere(Settled)).values()) == {"sent"}
    assert first.poll() is None and second.poll() is None
    assert partitions_of(place, FIRST) == set(PARTITIONS), "all of them, before the second one came"
    assert len(partitions_of(place, SECOND)) == 4
    assert set(place.times_taken().values()) == {1} and len(place.times_taken()) == 400
    assert len(begun(place)) == len(set(begun(place))) == 400


async def test_a_process_that_was_stopped_and_wakes_up_sends_nothing_more(make_place: MakePlace) -> None:
    place = make_place(Lane.MARKETING)
    place.watch(PARTITIONS)
    await place.open(Script(answer_delay_seconds=0.3), rate=100)
    first = await place.spawn(FIRST)
    put_everywhere(place, 30)
    await until(lambda: len(place.times_taken()) > 30)
    os.kill(first.pid, signal.SIGSTOP)
    taken = len(place.times_taken())
    await place.spawn(SECOND)
    await until(lambda: partitions_of(place, SECOND) == set(PARTITIONS), 60)
    await until(lambda: len(place.times_taken()) > taken + 20)
    os.kill(first.pid, signal.SIGCONT)
    await comes_to_an_end(place, 240)
    assert set(place.times_taken().values()) == {1}, "what was in flight is in doubt and stays where it is"
    ends = list(outcomes(place.everywhere(Settled)).values())
    assert set(ends) <= {"sent", "uncertain"} and ends.count("sent") <= len(place.times_taken())
    assert partitions_of(place, FIRST) == set(PARTITIONS) and first.poll() in (None, FAILED)
