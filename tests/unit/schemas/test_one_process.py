"""Who carries the lanes of a carrier, and who connects to it."""

from __future__ import annotations

import pytest

from schemas.records.topics import dispatch_of
from schemas.rules.one_process import changes_hands, holds_connections, lanes_carried
from schemas.values.lanes import POOLS, Lane, Pool


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("binds", [2, 3, 100])
def test_several_binds_are_shared_by_the_pools_as_ever(lane: Lane, binds: int) -> None:
    assert dispatch_of(lane, one_process=False) == f"dispatch-{lane}"
    assert not changes_hands(lane, binds, one_process=False)
    for pool in Pool:
        assert lanes_carried(pool, binds, one_process=False) == POOLS[pool]
        assert holds_connections(pool, binds, owns=False)


def test_with_one_bind_the_process_of_the_codes_carries_all() -> None:
    assert lanes_carried(Pool.OTP, 1, one_process=True) == tuple(Lane)
    assert [dispatch_of(lane, one_process=True) for lane in Lane] == [
        "dispatch-otp",
        "dispatch-transactional",
        "dispatch-shared",
    ]
    holders = [(pool, owns) for pool in Pool for owns in (True, False) if holds_connections(pool, 1, owns=owns)]
    assert holders == [(Pool.OTP, True)]


@pytest.mark.parametrize(("binds", "one_process"), [(1, False), (2, True)])
def test_marketing_waits_while_it_changes_hands_and_codes_do_not(binds: int, one_process: bool) -> None:
    waiting = [lane for lane in Lane if changes_hands(lane, binds, one_process=one_process)]
    assert waiting == [Lane.MARKETING]
    assert lanes_carried(Pool.OTP, binds, one_process=one_process) == tuple(Lane), "it carries what still lies there"
