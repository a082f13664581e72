"""A carrier that lets one connection in: the process of codes holds it, and carries marketing from `dispatch-shared`."""

from __future__ import annotations

import pytest

from connectors.simulator.script import Script
from schemas.records.codec import encode
from schemas.records.topics import DISPATCH_SHARED, log_of
from schemas.records.wire import Envelope, Returned, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.positions import everyone
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.dispatch.topics import DispatchTopics, outcomes
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def market(env: DispatchEnv, size: int, number: int) -> None:
    """Marketing for this env's carrier, by the topic that its process reads."""
    slice_ = env.slice(size, number, lane=str(Lane.MARKETING))
    env.put_raw(encode(Envelope(slices=[slice_])), topic=DISPATCH_SHARED)


def log_of_marketing(env: DispatchEnv, kafka: str) -> DispatchTopics:
    """What is written of it from now on."""
    lane, partition = log_of(DISPATCH_SHARED, env.partition)
    return DispatchTopics(kafka, lane=lane, partition=partition, carrier=env.carrier, campaign=env.campaign)


async def open_env(make_env: MakeEnv, script: Script, **given: int) -> DispatchEnv:
    env = make_env(Lane.OTP)
    await env.open(script, **given)
    env.database("UPDATE carriers SET binds = 1, one_process = true")
    return env


async def test_marketing_goes_beside_codes_and_its_log_is_that_of_its_lane(make_env: MakeEnv) -> None:
    env = await open_env(make_env, Script(most_binds=1, answer_delay_seconds=0.2), rate=400, window=8)
    log = log_of_marketing(env, env.settings.kafka.bootstrap or "")
    await env.start()
    market(env, 60, 1)
    await until(lambda: len(env.times_taken()) >= 6)
    assert env.server.counters.peak_window <= 6, "a quarter is left for codes"
    env.put(env.slice(2, 0))
    await until(lambda: len(env.times_taken()) == 62)  # the carrier lives on this loop: no log is read meanwhile
    await until(lambda: len(outcomes(env.of(Settled))) == 2 and len(outcomes(log.of(Settled))) == 60)
    order = [entry.destination for entry in env.submits()]
    codes = [str(4915100000000 + p) for p in range(2)]
    assert all(order.index(code) < len(order) // 2 for code in codes), order
    assert {record.lane for record in log.of(Started)} == {"marketing"} and {one.lane for one in env.of(Started)} == {"otp"}
    assert max(env.times_taken().values()) == 1
    assert (env.server.counters.peak_binds, env.server.counters.binds_refused) == (1, 0)


async def test_killed_marketing_in_flight_is_not_sent_again_and_codes_are(make_env: MakeEnv) -> None:
    env = await open_env(make_env, Script(most_binds=1, answer_delay_seconds=5), rate=400, window=8)
    log = log_of_marketing(env, env.settings.kafka.bootstrap or "")
    process = await env.spawn()
    market(env, 20, 1)
    await until(lambda: len(env.times_taken()) >= 6)
    env.put(env.slice(2, 0))
    codes = {str(4915100000000 + p) for p in range(2)}
    await until(lambda: codes <= set(env.times_taken()))
    env.kill(process)
    env.server.change(Script(most_binds=1))
    await env.start()
    await until(lambda: len(env.times_taken()) == 22)
    await until(lambda: len(outcomes(env.of(Settled))) == 2 and len(outcomes(log.of(Settled))) == 20)
    last = outcomes(log.of(Settled))
    uncertain = [key for key, outcome in last.items() if outcome == "uncertain"]
    assert 0 < len(uncertain) <= 6 and set(last.values()) == {"uncertain", "sent"}
    times = env.times_taken()
    assert {times[code] for code in codes} == {2}
    assert {count for number, count in times.items() if number not in codes} == {1} and len(times) == 22
    assert env.server.counters.binds_refused == 0


async def test_the_pool_bulk_has_no_connection_and_hands_back_what_comes_to_it(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(most_binds=1, answer_delay_seconds=0.2), rate=50)
    await env.start()
    env.put(env.slice(60, 0))
    await until(lambda: len(env.times_taken()) > 5)
    env.database("UPDATE carriers SET binds = 1")
    await until(lambda: not env.server.connections)
    env.put(env.slice(10, 1))
    chunks = {env.slice(1, number).chunk: size for number, size in ((0, 60), (1, 10))}

    def handled() -> dict[str, int]:
        done = dict.fromkeys(chunks, 0)
        for one in [*env.of(Settled), *(record.rest for record in env.of(Returned))]:
            done[one.chunk] |= one.positions
        return done

    await until(lambda: handled() == {chunk: everyone(size) for chunk, size in chunks.items()})
    assert not any(outcome == "uncertain" for outcome in outcomes(env.of(Settled)).values())
    assert max(env.times_taken().values()) == 1 and len(env.times_taken()) < 60
    assert {record.reason for record in env.of(Returned)} == {"no_carrier"}
    await until(lambda: env.committed()[0] == env.dispatch_end())
