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
    Refusal,
    jitter,
    next_try,
    slice_to_retry,
)
from schemas.values.reasons import Reason
from schemas.values.retry_strategy import STEPS as NAMES
from schemas.values.retry_strategy import RetryStrategy, first_said, strategy_fault
from schemas.values.rungs import Rung

DAY = 86_400_000
STEPS: tuple[Rung | None, ...] = (*Rung, None)
"""Where the first, the second, the third and the fourth refusal wait."""
CHUNKS = st.text("abcdefghijklmnop_0123456789", min_size=1, max_size=30)


def _again(
    attempts: int, life: int = DAY, reason: Reason = Reason.CARRIER_TRANSIENT, chunk: str = "c", send: int = 1
) -> NextTry | Reason:
    return next_try(chunk, send, Refusal(reason, None, attempts, NOON, NOON), expires_at=NOON + life)


def _under(
    strategy: RetryStrategy,
    attempts: int = 0,
    code: str | None = None,
    *,
    age: int = 0,
    reason: Reason = Reason.CARRIER_TRANSIENT,
) -> Rung | Reason | None:
    """What this strategy makes of a refusal `age` seconds after the first one: where it waits, or why it does not."""
    refusal = Refusal(reason, code, attempts, NOON, NOON - 1000 * age)
    again = next_try("c", attempts + 1, refusal, expires_at=NOON + DAY, strategy=strategy)
    return again.rung if isinstance(again, NextTry) else again


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
        refusal = Refusal(Reason.CARRIER_TRANSIENT, None, attempts, at, NOON)
        again = next_try("c", attempts + 1, refusal, expires_at=NOON + 120_000)
        if isinstance(again, Reason):
            break
        waited.append(again.rung)
        at = again.not_before
    assert waited == [Rung.TEN_SECONDS, Rung.ONE_MINUTE, Rung.TEN_SECONDS, Rung.TEN_SECONDS]
    assert again is Reason.ATTEMPTS_EXHAUSTED


def test_a_strategy_has_its_own_number_of_tries() -> None:
    assert _under(RetryStrategy(attempts=1)) is Reason.ATTEMPTS_EXHAUSTED
    assert [_under(RetryStrategy(attempts=3), tries) for tries in range(3)] == [
        Rung.TEN_SECONDS,
        Rung.ONE_MINUTE,
        Reason.ATTEMPTS_EXHAUSTED,
    ]
    assert _under(RetryStrategy(attempts=20), 18) is None, "the last step is for all behind it: the waiting room"


def test_a_strategy_has_its_own_ladder_and_stays_on_its_last_step() -> None:
    ladder = RetryStrategy(ladder=["1m", "1h"], attempts=9)
    assert [_under(ladder, tries) for tries in range(4)] == [Rung.ONE_MINUTE, None, None, None]
    assert [_under(RetryStrategy(ladder=["10s"]), tries) for tries in range(4)] == [Rung.TEN_SECONDS] * 4


def test_nothing_is_tried_when_the_first_refusal_is_too_long_ago() -> None:
    hour = RetryStrategy(max_age_seconds=3_600, ladder=["10m"])
    assert _under(hour, age=2_900) is Rung.TEN_MINUTES
    assert _under(hour, age=3_010) is Reason.TOO_OLD
    assert _under(RetryStrategy(max_age_seconds=3_600), 2, age=3_010) is Rung.ONE_MINUTE, "a shorter rung leaves time"
    assert _under(hour, age=3_000, reason=Reason.THROTTLED) is Rung.TEN_SECONDS
    assert _under(hour, age=3_595, reason=Reason.THROTTLED) is Reason.TOO_OLD


def test_reasons_and_codes_may_be_tried_alone_or_never() -> None:
    never = RetryStrategy(never=["throttled", "ESME_RMSGQFUL"])
    assert _under(never) is Rung.TEN_SECONDS
    assert _under(never, code="ESME_RMSGQFUL") is Reason.NOT_RETRIED
    assert _under(never, reason=Reason.THROTTLED) is Reason.NOT_RETRIED
    only = RetryStrategy(retry_on=["throttled", "0x00000400"], never=["0x00000401"])
    assert _under(only) is Reason.NOT_RETRIED
    assert _under(only, code="0x00000400") is Rung.TEN_SECONDS
    assert _under(only, code="0x00000401", reason=Reason.THROTTLED) is Reason.NOT_RETRIED


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (RetryStrategy(attempts=0), "attempts: 0 is not within 1 to 20"),
        (RetryStrategy(attempts=21), "attempts: 21"),
        (RetryStrategy(max_age_seconds=0), "max_age_seconds: 0"),
        (RetryStrategy(ladder=[]), "ladder: no step; write some of 10s, 1m, 10m, 1h"),
        (RetryStrategy(ladder=["10s", "5m"]), "ladder: there is no step '5m'"),
        (RetryStrategy(ladder=["1m", "10s"]), "ladder: 1m, 10s is in no order"),
        (RetryStrategy(ladder=["1m", "1m"]), "ladder: 1m, 1m is in no order"),
        (
            RetryStrategy(never=["absent"]),
            "never: 'absent' is no reason; write throttled or carrier_transient, or a carrier's",
        ),
        (RetryStrategy(retry_on=["carrier_permanent"]), "retry_on: 'carrier_permanent' is no reason"),
        (RetryStrategy(never=["ESME_RSYSERR"] * 51), "never: 51 entries; at most 50"),
    ],
)
def test_a_strategy_that_cannot_work_is_told(strategy: RetryStrategy, words: str) -> None:
    assert (strategy_fault(strategy) or "").startswith(words)


def test_a_strategy_that_works_has_no_fault() -> None:
    whole = RetryStrategy(attempts=20, ladder=list(NAMES), max_age_seconds=60, retry_on=["throttled"], never=["0x400"])
    assert strategy_fault(whole) is None and strategy_fault(RetryStrategy()) is None


def test_what_the_first_does_not_say_the_next_one_says() -> None:
    profile, tenant = RetryStrategy(attempts=2), RetryStrategy(attempts=9, never=["throttled"])
    assert first_said([profile, tenant]) == RetryStrategy(attempts=2, never=["throttled"])
    assert first_said([RetryStrategy(), RetryStrategy()]) is None
