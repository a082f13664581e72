"""Marketing changes hands while its messages are under way, and what comes again to the other pool is recognised there."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from connectors.simulator.script import Script
from schemas.records.codec import encode
from schemas.records.slice import Slice
from schemas.records.topics import DISPATCH_SHARED
from schemas.records.wire import Envelope, Returned, Settled
from schemas.values.lanes import Lane
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.dispatch.topics import outcomes
from tests.support.waiting import until

ANSWERS_AFTER = 4.0
pytestmark = [pytest.mark.stack, pytest.mark.slow]


def one_process(env: DispatchEnv) -> Any:
    """By whom marketing goes, as the row says."""
    with psycopg.connect(env.database_url) as connection:
        [found] = connection.execute("SELECT one_process FROM carriers").fetchone() or (None,)
    return found


def put_shared(env: DispatchEnv, slice_: Slice) -> None:
    """As intake does for a carrier with one bind."""
    env.put_raw(encode(Envelope(slices=[slice_])), topic=DISPATCH_SHARED)


async def test_a_repeat_that_comes_to_the_other_pool_is_recognised_in_both_directions(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(most_binds=2, answer_delay_seconds=ANSWERS_AFTER), rate=40)
    codes = await env.spawn("dispatch-otp-0", pool="otp")
    await env.start()
    first, second, third = env.slice(60, 0), env.slice(20, 1), env.slice(20, 2)
    env.put(first)
    await until(lambda: len(env.times_taken()) > 5)

    env.database("UPDATE carriers SET binds = 1")
    await until(lambda: one_process(env), 40)
    by_bulk = set(env.times_taken())
    assert len(outcomes(env.of(Settled))) == len(by_bulk), "each is answered before the other pool may have any"
    assert 5 < len(by_bulk) < 60 and sum(one.rest.count for one in env.of(Returned)) == 60 - len(by_bulk)
    put_shared(env, first)  # intake was killed behind its output; its repeat reads the new row
    put_shared(env, second)
    await until(lambda: len(env.times_taken()) == len(by_bulk) + 20)

    env.kill(codes)  # the next owner finds it in its log, and gives marketing up in its place
    env.database("UPDATE carriers SET binds = 2")
    await env.spawn("dispatch-otp-0", pool="otp")
    await until(lambda: one_process(env) is False, 40)
    env.put(second)
    env.put(third)
    await until(lambda: len(env.times_taken()) == len(by_bulk) + 40)
    assert set(env.times_taken().values()) == {1}
    assert len(env.server.connections) == 2
