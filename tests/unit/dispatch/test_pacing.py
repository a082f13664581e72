"""Tokens are spent evenly."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from connectors.dispatch.pacing import Pacer


def drive(rate: int, lease: int, seconds: float, tick: float = 0.001, *, patient: bool = False) -> list[float]:
    """When segments went, with everything that is free taken at once and every lease granted in full."""
    pacer, sent, now = Pacer(), [], 0.0
    while now < seconds:
        free = pacer.available(now)
        pacer.spend(free, now)
        sent += [now] * free
        if pacer.wants(now):
            pacer.granted(lease, rate, now, patient=patient)
        now += tick
    return sent


def test_the_pace_is_the_rate() -> None:
    sent = drive(1000, 50, 2.0)
    assert 1950 <= len(sent) <= 2001


def test_who_is_in_no_hurry_goes_in_larger_blocks_at_the_same_pace() -> None:
    sent = drive(1000, 50, 2.0, patient=True)
    assert 1900 <= len(sent) <= 2001
    assert len(set(sent)) <= 81 < len(set(drive(1000, 50, 2.0))) / 4


def test_a_slow_carrier_gets_one_at_a_time() -> None:
    sent = drive(2, 1, 3.0)
    assert 6 <= len(sent) <= 7
    assert all(later - earlier > 0.4 for earlier, later in itertools.pairwise(sent))


@given(st.integers(1, 5000), st.integers(1, 60), st.booleans())
def test_no_second_is_over_the_rate_by_more_than_a_lease(rate: int, share: int, patient: bool) -> None:
    lease = max(1, min(int(rate * 0.05), share))
    sent = drive(rate, lease, 1.3, tick=0.004, patient=patient)
    most = max(sum(start <= at < start + 1 for at in sent) for start in (0.0, 0.1, 0.2, 0.29))
    assert most <= rate + lease + max(1, rate * 0.005) + 1


def test_what_was_not_spent_in_time_is_dropped() -> None:
    pacer = Pacer()
    pacer.granted(50, 1000, 0.0)
    assert pacer.available(0.06) == 50
    assert pacer.available(0.11) == 0
    assert pacer.wants(0.11)


def test_a_refusal_is_waited_out() -> None:
    pacer = Pacer()
    pacer.granted(0, 100, 0.0)
    assert not pacer.wants(0.001)
    assert pacer.wants(0.0051)
    assert pacer.next_at(0.0) is None


def test_the_next_lease_is_asked_for_when_half_is_spent() -> None:
    pacer = Pacer()
    pacer.granted(50, 1000, 0.0)
    assert not pacer.wants(0.01)
    pacer.spend(pacer.available(0.03), 0.03)
    assert pacer.wants(0.03)
    pacer.granted(50, 1000, 0.03)
    assert pacer.available(0.049) == 50 - 35 and not pacer.wants(0.049)


def test_at_rate_0_it_is_asked_again_after_a_moment() -> None:
    pacer = Pacer()
    pacer.granted(0, 0, 1.0)
    assert not pacer.wants(1.01) and pacer.wants(1.051) and pacer.available(2.0) == 0


def test_what_was_paced_for_another_carrier_is_given_up() -> None:
    pacer = Pacer()
    pacer.granted(5, 2, 0.0)
    pacer.drop_leases()
    assert pacer.available(1.0) == 0 and pacer.wants(0.0)
