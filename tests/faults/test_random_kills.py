"""A campaign of twenty thousand while roles die one after another, chosen by a seeded draw: the same in every run."""

from __future__ import annotations

import random

import pytest

from tests.support.ordeal import ordeal
from tests.support.processes import kill
from tests.support.running import ROLE_NAMES, Running, until

pytestmark = [pytest.mark.stack, pytest.mark.slow]

RECIPIENTS = 20_000
KILLS = 6
SEED = 20_260


def test_six_random_kills_lose_and_repeat_nothing(victim: Running) -> None:
    victims = random.Random(SEED).choices(sorted(ROLE_NAMES - {"simulator"}), k=KILLS)
    with ordeal(victim, RECIPIENTS) as trial:
        for number, name in enumerate(victims, 1):
            trial.wait_until_gone_out(number * RECIPIENTS // (KILLS + 2), 40)
            until(lambda name=name: victim.role(name)["state"] == "running", 20, name)  # type: ignore[misc]
            kill(victim.role_process(name))
        trial.comes_to_rest(60)
        assert trial.judge() == []
    assert victim.verify(30)["violations"] == []
