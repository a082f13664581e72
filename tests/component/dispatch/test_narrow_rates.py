"""Rates of a sender and of a network within a carrier's rate, by the carrier's own log, changed while everything runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from infra.postgres.admin_store import open_admin_store
from schemas.values.lanes import Lane
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.waiting import until

pytestmark = pytest.mark.stack
RATE, SHOP_RATE, NETWORK_RATE = 200, 5, 0.5
NETWORK = "4915100001"
"""All of chunk 1."""


def change(env: DispatchEnv, **changes: object) -> None:
    """As `sluice carrier set` does."""
    with open_admin_store(env.database_url) as store:
        store.set_carrier(env.carrier, **changes)


def shop(env: DispatchEnv) -> list[float]:
    """When the carrier got something of this sender."""
    return [entry.time for entry in env.submits() if entry.source == "SHOP"]


def network(env: DispatchEnv) -> list[float]:
    return [entry.time for entry in env.submits() if entry.destination.startswith(NETWORK)]


def free(env: DispatchEnv) -> list[float]:
    return [e.time for e in env.submits() if e.source == "ACME" and not e.destination.startswith(NETWORK)]


def over(times: Sequence[float], rate: float) -> list[float]:
    """Begins of windows in which more came than the rate and one lease; a hundredth of a second for the way there."""
    lease = max(1.0, rate * 0.05)
    return [
        begin
        for begin in times
        for seconds in (0.5, 1.0, 4.0)
        if sum(begin <= at < begin + seconds - 0.01 for at in times) > rate * seconds + lease
    ]


async def test_each_keeps_to_its_rate_holds_nobody_back_and_is_changed_live(make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(rate=RATE)
    change(env, sender_rates={"SHOP": SHOP_RATE}, network_rates={"4915": 1000, NETWORK: NETWORK_RATE})
    await env.start()
    env.put(env.slice(60, 0, sender="SHOP"), env.slice(4, 1), env.slice(300, 2), env.slice(300, 3))
    await until(lambda: len(free(env)) == 600, 20)
    came = sorted(free(env))
    assert came[-1] - came[0] <= 600 / RATE * 1.2, "they were held back"
    assert len(shop(env)) < 60
    await until(lambda: len(network(env)) >= 3, 20)
    assert over(shop(env), SHOP_RATE) == [] and over(network(env), NETWORK_RATE) == []
    assert over([entry.time for entry in env.submits()], RATE) == []

    change(env, sender_rates={"SHOP": 0})
    await until(lambda: time.time() - shop(env)[-1] > 1.0, 20)
    stopped = len(shop(env))
    assert stopped < 60, "there is a backlog"
    env.put(env.slice(200, 4))
    await until(lambda: len(free(env)) == 800, 20)
    assert len(shop(env)) == stopped

    change(env, sender_rates={"SHOP": 100}, network_rates={NETWORK: None})
    await until(lambda: len(shop(env)) == 60 and len(network(env)) == 4, 20)
    assert over(shop(env)[stopped:], 100) == []
    assert set(env.times_taken().values()) == {1} and len(env.times_taken()) == 864
