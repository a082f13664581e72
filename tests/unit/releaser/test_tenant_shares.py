"""Whose rows wait at a place, and what each gets of the room there."""

from __future__ import annotations

from connectors.releaser.tenant_shares import Queue, TenantShares, list_again_after

ROOM, STOPPED = Queue("room"), Queue("carrier_stopped")


def test_those_who_wait_share_by_weight_and_nobody_else_does() -> None:
    shares = TenantShares()
    shares.follow({"a": [ROOM], "b": [ROOM]}, {"a": 3.0, "b": 1.0}.__getitem__)
    assert shares.share_out(80, 80.0) == {"a": 60, "b": 20}
    shares.follow({"b": [STOPPED, ROOM]}, lambda _tenant: 1.0)
    assert shares.share_out(80, 80.0) == {"b": 80} and shares.queues == {"b": [STOPPED, ROOM]}


def test_who_is_set_aside_is_back_with_the_next_list_and_claims_nothing_for_it() -> None:
    shares = TenantShares()
    waiting = {"a": [ROOM], "b": [ROOM]}
    shares.follow(waiting, lambda _tenant: 1.0)
    shares.set_aside("b")
    assert shares.share_out(40, 80.0) == {"a": 40}
    shares.charge("a", 40)
    shares.follow(waiting, lambda _tenant: 1.0)
    assert shares.share_out(40, 80.0) == {"a": 20, "b": 20}


def test_few_tenants_are_listed_at_each_look_and_many_within_a_second() -> None:
    assert [list_again_after(tenants) for tenants in (0, 20, 500, 10_000)] == [0.0, 0.02, 0.5, 1.0]
