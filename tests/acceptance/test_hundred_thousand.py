"""A hundred thousand recipients while roles die one after another, chosen by a seeded draw; then the carrier's own log is
compared number by number."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.support.ordeal import ordeal
from tests.support.processes import kill
from tests.support.running import ROLE_NAMES, Running, running_stack, until

pytestmark = [pytest.mark.stack, pytest.mark.slow]

RECIPIENTS = 100_000
RATE = 4000
KILLS = 8
SEED = 100_000


@pytest.fixture(scope="module")
def victim() -> Iterator[Running]:
    """A stack of its own, with a fast carrier."""
    with running_stack(rate=RATE) as stack:
        yield stack


def test_a_hundred_thousand_survive_random_kills(victim: Running) -> None:
    victims = random.Random(SEED).choices(sorted(ROLE_NAMES - {"simulator"}), k=KILLS)
    with ordeal(victim, RECIPIENTS) as trial:
        for number, name in enumerate(victims, 1):
            trial.wait_until_gone_out(number * RECIPIENTS // (KILLS + 2), 60)
            until(lambda name=name: victim.role(name)["state"] == "running", 20, name)  # type: ignore[misc]
            kill(victim.role_process(name))
        trial.comes_to_rest(120)
        assert trial.judge() == []
    assert victim.verify(60)["violations"] == []
