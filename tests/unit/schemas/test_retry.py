"""The ladder: which rung follows from how many tries, never early, never behind the validity, the same on every repeat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.examples import NOON, slice_of
from schemas.rules.retry import (
    LONG_JITTER_MS,
    LONG_WAIT_MS,
    MAX_ATTEMPTS,
    NextTry,
    jitter,
    next_try,
    slice_to_retry,
)
from schemas.values.reasons import Reason
from schemas.values.rungs import Rung

DAY = 86_400_000
STEPS: tuple[Rung | None, ...] = (*Rung, None)
"""Where the first, the second, the third and the fourth refusal wait."""
CHUNKS = st.text("abcdefghijklmnop_0123456789", min_size=1, max_size=30)


def _again(
    attempts: int, life: int = DAY, reason: Reason = Reason.CARRIER_TRANSIENT, chunk: str = "c", send: int = 1
) -> NextTry | Reason:
    return next_try(chunk, send, attempts=attempts, expires_at=NOON + life, reason=reason, at=NOON)


def _bounds(rung: Rung | None) -> tuple[int, int]:
    """The least and the most that waits there, in milliseconds."""
    wait, most = (LONG_WAIT_MS, LONG_JITTER_MS) if rung is None else (rung.wait_ms, rung.jitter_ms)
    return wait, wait + most


@pytest.mark.parametrize(("attempts", "rung"), list(enumerate(STEPS)))
def test_each_refusal_waits_one_rung_further_and_the_last_one_in_the_waiting_room(attempts: int, rung: Rung | None) -> None:
    again = _again(attempts)
    assert isinstance(again, NextTry) and again.rung is rung
    least, most = _bounds(rung)
    assert NOON + least <= again.not_before < NOON + most


def test_the_ladder_has_a_step_for_every_try_but_the_last() -> None:
    assert len(STEPS) == MAX_ATTEMPTS - 1
    assert [(rung.value, rung.wait_ms) for rung in Rung] == [("10s", 10_000), ("1m", 60_000), ("10m", 600_000)]
    assert all(
        shorter.wait_ms + shorter.jitter_ms < longer.wait_ms for shorter, longer in zip(Rung, list(Rung)[1:], strict=False)
    )


@given(CHUNKS, st.integers(1, 300), st.integers(0, 8), st.integers(0, 2 * LONG_WAIT_MS))
def test_a_retry_is_bounded_by_tries_and_validity_and_a_repeat_names_the_same(
    chunk: str, send: int, attempts: int, life: int
) -> None:
    again = _again(attempts, life, chunk=chunk, send=send)
    assert again == _again(attempts, life, chunk=chunk, send=send)
    if attempts + 1 >= MAX_ATTEMPTS:
        assert again is Reason.ATTEMPTS_EXHAUSTED
    elif isinstance(again, NextTry):
        least, most = _bounds(again.rung)
        assert NOON + least <= again.not_before < min(NOON + most, NOON + life)
        assert STEPS.index(again.rung) <= attempts
        # What is passed over for a shorter one would have been too late.
        longer = STEPS[STEPS.index(again.rung) + 1 : attempts + 1]
        assert all(life < _bounds(rung)[1] for rung in longer)
    else:
        assert again is Reason.TOO_OLD
        assert life <= 12_000


@given(CHUNKS, st.integers(1, 300), st.integers(0, 8), st.integers(0, 40_000))
def test_what_was_throttled_counts_no_try_and_stays_on_the_short_rung(
    chunk: str, send: int, attempts: int, life: int
) -> None:
    again = _again(attempts, life, Reason.THROTTLED, chunk, send)
    assert isinstance(again, NextTry) and again.rung is Rung.TEN_SECONDS
    assert min(NOON + 10_000, NOON + life) <= again.not_before <= min(NOON + 12_000, NOON + life)
    before = slice_of(0b1, send=send, attempts=attempts)
    after = slice_to_retry(before, Reason.THROTTLED, NOON)
    assert (after.attempts, after.send, after.round) == (attempts, send + 1, before.round + 1)
    assert slice_to_retry(before, Reason.CARRIER_TRANSIENT, NOON).attempts == attempts + 1


@given(CHUNKS, st.integers(1, 300), st.sampled_from(Rung))
def test_the_jitter_is_below_its_bound_and_the_same_on_every_repeat(chunk: str, send: int, rung: Rung) -> None:
    assert 0 <= jitter(chunk, send, rung.jitter_ms) == jitter(chunk, send, rung.jitter_ms) < rung.jitter_ms


def test_what_failed_together_does_not_come_back_together() -> None:
    moments = {jitter(f"cmp_{number}", 1, 2_000) // 100 for number in range(1_000)}
    assert len(moments) == 20


def test_a_code_that_is_worth_two_minutes_is_tried_until_they_are_over() -> None:
    """Refused whenever it is tried: the rungs it waits on, and why it ends."""
    at, waited = NOON, []
    for attempts in range(MAX_ATTEMPTS):
        again = next_try(
            "c", attempts + 1, attempts=attempts, expires_at=NOON + 120_000, reason=Reason.CARRIER_TRANSIENT, at=at
        )
        if isinstance(again, Reason):
            break
        waited.append(again.rung)
        at = again.not_before
    assert waited == [Rung.TEN_SECONDS, Rung.ONE_MINUTE, Rung.TEN_SECONDS, Rung.TEN_SECONDS]
    assert again is Reason.ATTEMPTS_EXHAUSTED
