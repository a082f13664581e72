"""Kafka, PostgreSQL and Redis killed with -9 in the middle of a campaign, and Redis emptied: everything goes on by itself.

`up` starts a service again that it has started. What was acknowledged survives; what could not be accepted meanwhile was
refused, and the client asks again.
"""

from __future__ import annotations

import pytest
import redis

from tests.support.chaos_scenario import chaos_scenario
from tests.support.gateway_client import UNREACHABLE
from tests.support.processes import is_alive, kill
from tests.support.running import Running, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RECIPIENTS = 5000


@pytest.mark.parametrize("name", ["redis", "postgres", "kafka"])
def test_a_service_killed_in_mid_campaign_loses_and_repeats_nothing(victim: Running, name: str) -> None:
    with chaos_scenario(victim, RECIPIENTS) as trial:
        trial.wait_until_gone_out(RECIPIENTS // 5)
        service = victim.service_process(name)

        kill(service)

        until(lambda: not is_alive(service), 30)
        until(lambda: ready(victim), 60, "readiness")
        trial.comes_to_rest(90)
        assert trial.judge() == []


def test_an_emptied_redis_loses_and_repeats_nothing(victim: Running) -> None:
    with chaos_scenario(victim, RECIPIENTS) as trial:
        trial.wait_until_gone_out(RECIPIENTS // 5)

        with redis.Redis.from_url(victim.line["redis"]) as client:
            client.flushall()

        trial.comes_to_rest(90)
        assert trial.judge() == []


def test_the_ledger_adds_up_after_all_of_them(victim: Running) -> None:
    assert victim.verify(30)["violations"] == []
    assert victim.cli("dlq", "list") == []


def ready(stack: Running) -> bool:
    try:
        return stack.api_of(None).get("/readyz").status == 200
    except UNREACHABLE:
        return False
