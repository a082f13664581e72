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
from typing import Any

import pytest

from connectors.simulator.script import Script
from infra.kafka import topic_admin
from infra.kafka.client import make_admin
from infra.runtime.role import FAILED
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.topics import DISPATCH_SHARED, dispatch
from schemas.records.wire import Envelope, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.positions import places
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.dispatch.topics import outcomes
from tests.support.service_stack import running_services
from tests.support.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.slow]
PARTITIONS = range(8)
FIRST, SECOND = "dispatch-bulk-0", "dispatch-bulk-1"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Services whose groups may be left in disorder."""
    with running_services(tmp_path_factory.mktemp("shared")) as stack:
        yield stack


@pytest.fixture(scope="module")
def topics(services: Stack) -> None:
    """All topics there, with first offsets."""
    topic_admin.apply(services.kafka, 1)


@pytest.fixture(autouse=True)
async def empty_group(services: Stack, topics: None) -> None:
    """The sessions of members that an earlier test killed have ended."""
    admin, groups = make_admin(services.kafka), ["sluice-dispatch-bulk", "sluice-dispatch-otp"]
    await until(lambda: not any(g.result(30).members for g in admin.describe_consumer_groups(groups).values()))


def partitions_of(env: DispatchEnv, instance: str) -> set[int]:
    """The partitions that a process has taken over so far."""
    return {line["partition"] for line in taken_over(env, instance)}


def taken_over(env: DispatchEnv, instance: str) -> list[dict[str, Any]]:
    """What a process said when it took partitions over."""
    return [json.loads(line) for line in env.said(instance).splitlines() if '"action":"owner"' in line]


def put_everywhere(env: DispatchEnv, size: int) -> None:
    """A slice of so many messages on every partition."""
    for partition in PARTITIONS:
        env.put_raw(encode(Envelope(slices=[env.slice(size, partition)])), partition=partition)


async def comes_to_an_end(env: DispatchEnv, messages: int) -> None:
    """Return when each has an outcome. Trap: reading eight logs takes as long as the carrier, which lives on this loop, may
    take for an answer; so they are read beside it."""
    deadline = asyncio.get_running_loop().time() + 60
    while len(await asyncio.to_thread(lambda: outcomes(env.everywhere(Settled)))) < messages:
        assert asyncio.get_running_loop().time() < deadline, "not within 60 s"


def begun(env: DispatchEnv) -> list[tuple[str, int]]:
    """Each start of each message."""
    return [(record.chunk, position) for record in env.everywhere(Started) for position in places(record.positions)]


async def test_a_second_process_takes_over_its_share_and_nothing_is_in_doubt(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    env.watch(PARTITIONS)
    await env.open(Script(answer_delay_seconds=0.2), rate=20)  # slow enough for a second one to come meanwhile
    first = await env.spawn(FIRST)
    put_everywhere(env, 50)
    await until(lambda: len(env.times_taken()) > 20)
    second = await env.spawn(SECOND)
    assert len(env.times_taken()) < 350, "this is to be the middle"
    env.database("UPDATE carriers SET rate = 100")
    await comes_to_an_end(env, 400)
    assert set(outcomes(env.everywhere(Settled)).values()) == {"sent"}
    assert first.poll() is None and second.poll() is None
    assert partitions_of(env, FIRST) == set(PARTITIONS), "all of them, before the second one came"
    assert len(partitions_of(env, SECOND)) == 4
    assert set(env.times_taken().values()) == {1} and len(env.times_taken()) == 400
    assert len(begun(env)) == len(set(begun(env))) == 400


async def test_a_process_that_was_stopped_and_wakes_up_sends_nothing_more(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    env.watch(PARTITIONS)
    await env.open(Script(answer_delay_seconds=0.3), rate=100)
    first = await env.spawn(FIRST)
    put_everywhere(env, 30)
    await until(lambda: len(env.times_taken()) > 30)
    os.kill(first.pid, signal.SIGSTOP)
    taken = len(env.times_taken())
    await env.spawn(SECOND)
    await until(lambda: partitions_of(env, SECOND) == set(PARTITIONS), 60)
    await until(lambda: len(env.times_taken()) > taken + 20)
    os.kill(first.pid, signal.SIGCONT)
    await comes_to_an_end(env, 240)
    assert set(env.times_taken().values()) == {1}, "what was in flight is in doubt and stays where it is"
    ends = list(outcomes(env.everywhere(Settled)).values())
    assert set(ends) <= {"sent", "uncertain"} and ends.count("sent") <= len(env.times_taken())
    assert partitions_of(env, FIRST) == set(PARTITIONS) and first.poll() in (None, FAILED)


async def test_the_only_connection_of_a_carrier_follows_its_codes(make_env: MakeEnv) -> None:
    env = make_env(Lane.OTP)
    await env.open(Script(most_binds=1))
    env.database("UPDATE carriers SET binds = 1, one_process = true")
    processes = {name: await env.spawn(name) for name in ("dispatch-otp-0", "dispatch-otp-1")}
    place = dispatch(Lane.OTP), env.partition

    def epoch_of(name: str) -> int:
        epochs = [line["epoch"] for line in taken_over(env, name) if (line["topic"], line["partition"]) == place]
        return max(epochs, default=-1)

    def owner() -> str:
        return max(processes, key=epoch_of)

    async def both_lanes_go(number: int) -> None:
        before = len(env.times_taken())
        market = env.slice(20, number, lane=str(Lane.MARKETING))
        env.put(env.slice(3, number + 1))
        env.put_raw(encode(Envelope(slices=[market])), topic=DISPATCH_SHARED)
        await until(lambda: len(env.times_taken()) == before + 23, 60)
        assert set(env.times_taken().values()) == {1} and env.server.counters.binds_refused == 0

    await both_lanes_go(0)
    last = owner()
    env.kill(processes.pop(last))
    await both_lanes_go(2)
    assert owner() != last
