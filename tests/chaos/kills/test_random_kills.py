"""A campaign of twenty thousand while roles die one after another, chosen by a seeded draw: the same in every run."""

from __future__ import annotations

import pytest

from tests.support.chaos_scenario import chaos_scenario
from tests.support.running import Running

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]

RECIPIENTS = 20_000
KILLS = 6
SEED = 20_260


def test_six_random_kills_lose_and_repeat_nothing(victim: Running) -> None:
    with chaos_scenario(victim, RECIPIENTS) as trial:
        trial.kill_at_random(KILLS, SEED, 60)
        trial.comes_to_rest(120)
        assert trial.judge() == []
    assert victim.verify(30)["violations"] == []
