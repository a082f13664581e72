"""The breaker: when it opens, when it tries, when it closes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.dispatch.breaker import FIRST_SECONDS, LONGEST_PAUSE, Breaker
from schemas.rules.carrier_health import BreakerState

OPEN, CLOSED, PROBING = BreakerState.OPEN, BreakerState.CLOSED, BreakerState.PROBING


def connected() -> Breaker:
    breaker = Breaker(0.0)
    breaker.look(True, None, 1.0)
    return breaker


def calls(breaker: Breaker, now: float, *, answered: int = 0, refused: int = 0, unanswered: int = 0) -> BreakerState:
    breaker.record(answered=answered, refused=refused, unanswered=unanswered, fault="ESME_RSYSERR", now=now)
    return breaker.state


def test_a_lost_connection_opens_it_and_a_new_one_that_stands_closes_it() -> None:
    breaker = connected()
    breaker.look(False, None, 2.0)
    breaker.look(False, "BindRefused: ESME_RBINDFAIL", 2.4)
    assert breaker.state is CLOSED
    breaker.look(False, "BindRefused: ESME_RBINDFAIL", 2.5)
    assert (breaker.state, breaker.fault) == (OPEN, "BindRefused: ESME_RBINDFAIL")
    breaker.look(True, None, 60.0)
    assert breaker.state is PROBING
    breaker.look(True, None, 60.9)
    assert breaker.state is PROBING
    breaker.look(True, None, 61.0)
    assert breaker.state is CLOSED


def test_a_connection_that_comes_back_at_once_opens_nothing() -> None:
    breaker = connected()
    breaker.look(False, None, 2.0)
    breaker.look(True, None, 2.4)
    breaker.look(False, None, 2.6)
    breaker.look(True, None, 3.0)
    assert breaker.state is CLOSED


def test_after_the_start_a_connection_may_take_longer() -> None:
    breaker = Breaker(0.0)
    breaker.look(False, None, FIRST_SECONDS - 0.1)
    assert breaker.state is CLOSED
    breaker.look(False, None, FIRST_SECONDS)
    assert breaker.state is OPEN


def test_a_connection_lost_while_probing_opens_it_at_once() -> None:
    breaker = connected()
    for now, up in ((2.0, False), (2.5, False), (3.0, True), (3.1, False)):
        breaker.look(up, None, now)
    assert breaker.state is OPEN


def test_calls_in_a_row_without_an_answer_open_it() -> None:
    breaker = connected()
    assert calls(breaker, 2.0, unanswered=4) is CLOSED
    assert calls(breaker, 2.1, answered=1) is CLOSED
    assert calls(breaker, 2.2, unanswered=4) is CLOSED
    assert calls(breaker, 2.3, unanswered=1) is OPEN


def test_refused_for_the_moment_more_often_than_not_opens_it() -> None:
    breaker = connected()
    assert calls(breaker, 2.0, answered=10, refused=9) is CLOSED
    assert calls(breaker, 2.1, refused=2) is OPEN
    assert breaker.fault == "ESME_RSYSERR"


def test_what_was_long_ago_does_not_count() -> None:
    breaker = connected()
    assert calls(breaker, 2.0, refused=19) is CLOSED
    assert calls(breaker, 13.0, refused=19) is CLOSED


def test_after_failed_calls_it_tries_after_a_pause_that_doubles_and_one_answer_closes_it() -> None:
    breaker, now = connected(), 2.0
    calls(breaker, now, unanswered=5)
    for pause in (5.0, 10.0, 20.0, 40.0, LONGEST_PAUSE, LONGEST_PAUSE):
        breaker.look(True, None, now + pause - 0.01)
        assert breaker.state is OPEN
        breaker.look(True, None, now + pause)
        breaker.look(True, None, now + pause + 30)  # a standing connection proves nothing here
        assert breaker.state is PROBING
        now += pause + 30
        assert calls(breaker, now, refused=1) is OPEN
    breaker.look(True, None, now + 60)
    assert calls(breaker, now + 61, answered=1) is CLOSED
    calls(breaker, now + 62, unanswered=5)
    breaker.look(True, None, now + 67)
    assert breaker.state is PROBING


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 4), st.booleans(), st.floats(0, 3)), max_size=60)
)
def test_a_carrier_that_answers_again_is_tried_again_whatever_was_before(
    steps: list[tuple[int, int, int, bool, float]],
) -> None:
    breaker, now = Breaker(0.0), 0.0
    for answered, refused, unanswered, up, pause in steps:
        now += pause
        breaker.look(up, None, now)
        if breaker.state is not OPEN and (answered or refused or unanswered):
            calls(breaker, now, answered=answered, refused=refused, unanswered=unanswered)
    breaker.look(True, None, now + LONGEST_PAUSE)
    assert breaker.state is not OPEN
    assert calls(breaker, now + LONGEST_PAUSE, answered=1) is CLOSED
