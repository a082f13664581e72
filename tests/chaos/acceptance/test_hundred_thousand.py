"""A hundred thousand recipients while roles die one after another, chosen by a seeded draw; then the carrier's own log is
compared number by number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.chaos_scenario import chaos_scenario
from tests.support.running import Running, running_stack

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

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
    with chaos_scenario(victim, RECIPIENTS) as trial:
        trial.kill_at_random(KILLS, SEED, 60)
        trial.comes_to_rest(240)
        assert trial.judge() == []
    assert victim.verify(60)["violations"] == []
