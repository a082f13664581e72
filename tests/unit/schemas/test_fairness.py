"""Least served first: shares by weight, nobody saves up, nobody starves; against a model that is asked in every state."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.rules.fairness import LeastServed, quantum

KEYS = st.sampled_from("abcdef")
WEIGHTS = st.sampled_from([1, 2, 3, 10])
WORK = st.integers(1, 50)


def serve(shares: LeastServed[str], segments: int, at_a_time: int) -> dict[str, int]:
    """Serve the least served again and again; what each got."""
    got: dict[str, int] = {}
    for _ in range(segments // at_a_time):
        key = shares.least()
        assert key is not None
        shares.charge(key, at_a_time)
        got[key] = got.get(key, 0) + at_a_time
    return got


def entered(**weights: float) -> LeastServed[str]:
    shares = LeastServed[str]()
    for key, weight in weights.items():
        shares.enter(key, weight)
    return shares


def test_equal_ones_take_turns() -> None:
    assert serve(entered(a=1, b=1, c=1), 30, 5) == {"a": 10, "b": 10, "c": 10}


def test_shares_follow_weights() -> None:
    assert serve(entered(a=1, b=3), 400, 1) == {"a": 100, "b": 300}


def test_who_comes_late_claims_nothing_for_the_time_before() -> None:
    shares = entered(a=1)
    shares.charge("a", 10_000)
    shares.enter("b")
    assert serve(shares, 20, 1) == {"a": 10, "b": 10}


def test_who_comes_back_claims_nothing_for_the_time_away() -> None:
    shares = entered(a=1, b=1)
    serve(shares, 20, 1)
    shares.leave("b")
    serve(shares, 1_000, 1)
    shares.enter("b")
    assert serve(shares, 20, 1) == {"a": 10, "b": 10}


def test_leaving_for_a_moment_gains_nothing() -> None:
    shares = entered(a=1, b=1)
    shares.charge("a", 100)
    shares.leave("a")
    shares.enter("a")
    assert serve(shares, 100, 10) == {"b": 100}


def test_what_was_given_back_is_not_counted() -> None:
    shares = entered(a=1, b=1)
    shares.charge("a", 5)
    shares.charge("a", -5)
    assert serve(shares, 20, 1) == {"a": 10, "b": 10}


def test_an_amount_is_shared_out_without_charging_anybody() -> None:
    shares = entered(a=1, b=1, c=2)
    assert shares.share_out(40, 5) == shares.share_out(40, 5) == {"a": 10, "b": 10, "c": 20}
    assert entered(a=1).share_out(40, 5) == {"a": 40}
    assert LeastServed[str]().share_out(40, 5) == {}


def test_those_who_get_nothing_of_a_small_amount_are_first_with_the_next() -> None:
    shares = entered(**dict.fromkeys("abcdefgh", 1.0))
    served: list[str] = []
    for _ in range(4):
        for key, part in shares.share_out(10, 5).items():
            shares.charge(key, part)
            served.append(key)
    assert sorted(served) == list("abcdefgh")


@pytest.mark.parametrize(
    ("rate", "active", "expected"),
    [(400, 20, 5), (400, 1, 100), (1, 1, 1), (0.2, 3, 1), (10_000, 10_000, 50), (100, 0, 25)],
)
def test_a_quantum_is_a_quarter_of_a_second_shared_by_all_and_never_nothing(rate: float, active: int, expected: int) -> None:
    assert quantum(rate, active) == expected


@given(
    weights=st.dictionaries(KEYS, WEIGHTS, min_size=2),
    amounts=st.lists(st.integers(0, 300), max_size=30),
    at_a_time=st.integers(1, 40),
)
def test_shares_of_many_amounts_add_up_by_weight(weights: dict[str, int], amounts: list[int], at_a_time: int) -> None:
    shares, got = entered(**weights), dict.fromkeys(weights, 0)
    for amount in amounts:
        out = shares.share_out(amount, at_a_time)
        assert sum(out.values()) == amount
        for key, part in out.items():
            assert part > 0
            shares.charge(key, part)
            got[key] += part
    by_weight = [got[key] / weight for key, weight in weights.items()]
    assert max(by_weight) - min(by_weight) <= at_a_time * (1 + 1e-9)


class Sharing(RuleBasedStateMachine):
    """Tenants come, go and are served; what each had for its weight since two of them last took part together."""

    def __init__(self) -> None:
        super().__init__()
        self.shares = LeastServed[str]()
        self.weights: dict[str, int] = {}
        self.together: dict[tuple[str, str], dict[str, Fraction]] = {}
        self.largest = Fraction(0)

    @rule(key=KEYS, weight=WEIGHTS)
    def enter(self, key: str, weight: int) -> None:
        if key in self.weights:
            return
        self.shares.enter(key, weight)
        for other in self.weights:
            self.together[min(key, other), max(key, other)] = {key: Fraction(0), other: Fraction(0)}
        self.weights[key] = weight

    @rule(key=KEYS)
    def leave(self, key: str) -> None:
        self.shares.leave(key)
        self.weights.pop(key, None)
        self.together = {pair: had for pair, had in self.together.items() if key not in pair}

    @precondition(lambda self: self.weights)
    @rule(segments=WORK)
    def serve(self, segments: int) -> None:
        key = self.shares.least()
        assert key is not None
        self.shares.charge(key, segments)
        part = Fraction(segments, self.weights[key])
        self.largest = max(self.largest, part)
        for pair, had in self.together.items():
            if key in pair:
                had[key] += part

    @precondition(lambda self: self.weights)
    @rule(segments=WORK)
    def serve_for_nothing(self, segments: int) -> None:
        key = self.shares.least()
        assert key is not None
        self.shares.charge(key, segments)
        self.shares.charge(key, -segments)

    @invariant()
    def nobody_who_took_part_all_the_time_is_ahead_of_another_by_more_than_it_may(self) -> None:
        # Each may have come with what it was served ahead (one turn), and be ahead by one turn.
        for had in self.together.values():
            first, second = had.values()
            assert abs(first - second) <= 2 * self.largest + Fraction(1, 1000)

    @invariant()
    def the_least_is_the_first_in_order(self) -> None:
        order = self.shares.in_order()
        assert sorted(order) == sorted(self.weights)
        assert len(self.shares) == len(order)
        assert self.shares.least() == (order[0] if order else None)
        assert list(self.shares.share_out(1, 1)) == order[:1]


Sharing.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
TestSharing = Sharing.TestCase


def test_newcomers_without_end_starve_nobody() -> None:
    shares = entered(old=1)
    shares.charge("old", 5)
    turns = 0
    for number in range(50):
        shares.enter(f"new{number}")
        key = shares.least()
        assert key is not None
        shares.charge(key, 5)
        turns += key == "old"
        shares.leave(f"new{number}")
    assert turns >= 10
