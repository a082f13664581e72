"""Lanes: every lane is served by exactly one pool, in a fixed order."""

from schemas.values.lanes import POOLS, Lane, Pool, pool_of


def test_every_lane_belongs_to_exactly_one_pool() -> None:
    served = [lane for lanes in POOLS.values() for lane in lanes]
    assert sorted(served) == sorted(Lane)
    assert all(lane in POOLS[pool_of(lane)] for lane in Lane)


def test_one_time_codes_come_before_transactional_messages() -> None:
    assert POOLS[Pool.OTP] == (Lane.OTP, Lane.TRANSACTIONAL)
    assert POOLS[Pool.BULK] == (Lane.MARKETING,)
