"""The whole stack ended in the middle of a campaign, politely and not, and started again on the same folder.

SIGINT to `up` ends everything within 30 s whatever the backlog; when `up` itself is killed its children end within 10 s.
Either way the next `up` goes on where this one stopped, with the same keys.
"""

from __future__ import annotations

import pytest

from tests.support.chaos_scenario import chaos_scenario
from tests.support.running import Running

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

RECIPIENTS = 8000


@pytest.mark.parametrize("end", [Running.stop, Running.kill], ids=["stopped", "killed"])
def test_a_campaign_goes_on_after_a_restart(victim: Running, end: object) -> None:
    with chaos_scenario(victim, RECIPIENTS, singles=0, outside=True) as trial:
        trial.wait_until_gone_out(RECIPIENTS // 8)
        assert callable(end)

        end(victim)
        assert trial.gone_out() < RECIPIENTS, "this is to be the middle"
        victim.start_again()

        trial.comes_to_rest(90)
        assert trial.judge() == []
    assert victim.verify(30)["violations"] == []
