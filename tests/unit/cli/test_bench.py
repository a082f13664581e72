"""`sluice bench` refuses options that do not go together before it starts anything."""

from __future__ import annotations

import pytest

from infra.cli.bench import Peer, Scenario, bench
from infra.runtime.refusal import Refusal


@pytest.mark.parametrize(
    ("scenario", "peer", "compare", "says"),
    [
        (Scenario.BULK, Peer.KANNEL, None, "--peer does not go with --scenario bulk"),
        (Scenario.KILL, None, "HEAD", "--compare does not go with --scenario kill"),
        (Scenario.FAIRNESS, None, "HEAD", "--compare does not go with --scenario fairness"),
        (Scenario.RATES, None, "HEAD", "--compare does not go with --scenario rates"),
        (Scenario.SINGLE, Peer.KANNEL, "HEAD", "--compare does not go with --peer"),
    ],
)
def test_what_does_not_go_together(scenario: Scenario, peer: Peer | None, compare: str | None, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        bench(scenario, 1, 1.0, 1, peer=peer, compare=compare)
