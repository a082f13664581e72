"""What a counterpart says that its kind cannot have is true, and every built kind has one in the contract suite."""

import pytest

from connectors.carriers.registry import REGISTRY
from tests.support.carrier_peers.kinds import CANNOT, PEERS
from tests.support.carrier_peers.peer import Case
from tests.support.toy_carrier import TOYS


def test_the_suite_runs_on_every_kind() -> None:
    assert set(PEERS) == set(CANNOT) == set(REGISTRY) | {"toy"}


@pytest.mark.parametrize("kind", PEERS)
def test_only_a_kind_that_sends_whole_has_no_segments(kind: str) -> None:
    assert (Case.SEGMENTS in CANNOT[kind]) == TOYS[kind].settings.sends_whole
    assert all(CANNOT[kind].values()), "each with its reason"
