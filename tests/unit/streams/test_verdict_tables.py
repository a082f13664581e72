"""What settlement and the receipts stage make of answers and receipts: each covers every position exactly once.

In: sets of positions, answers, states. Out: verdicts.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.wire import Settled, Verdict
from schemas.values.positions import everyone
from schemas.values.reasons import Reason
from schemas.values.status import RECEIPT_STATES
from streams.cover import check_cover as check_sets
from streams.receipts import interpret_states
from streams.receipts.verdicts import UnknownState
from streams.settlement import settle_block
from streams.settlement.verdicts import Ended, Refused, TryAgain, WaitsAgain
from tests.support.streams.fakes import NOW, numbers, slice_of
from tests.support.streams.records import OUTCOMES, block_of
from tests.support.streams.verdicts import SETS, check_cover


@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=40), st.integers(0, 6), st.booleans())
def test_settle_covers(answers: list[str], attempts: int, outdated: bool) -> None:
    block = block_of(answers, attempts)
    outcomes = settle_block.decide(block, outdated=outdated)
    check_cover(block.positions, outcomes)
    retried = sum(o.positions for o in outcomes if isinstance(o, TryAgain))
    transient = sum(1 << n for n, answer in enumerate(answers) if answer == "transient")
    assert retried == (transient if attempts < 4 and not outdated else 0)


def test_settle_refuses_what_it_does_not_know() -> None:
    block = block_of(["sent", "failed"])
    unknown = Settled(
        **{f: getattr(block, f) for f in block.__struct_fields__}
        | {"verdicts": [Verdict(outcome="lost", reason="none", code=None, positions=0b11)]}
    )
    with pytest.raises(settle_block.StepError):
        settle_block.decide(unknown, outdated=False)


def test_the_last_try_that_fails_is_a_refusal() -> None:
    [verdict] = settle_block.decide(block_of(["transient"], attempts=4), outdated=False)
    assert verdict == Refused(positions=1, reason=Reason.ATTEMPTS_EXHAUSTED, code=None)


@given(SETS, st.sampled_from(["canceled", "validity_ended", "no_carrier", "anything"]))
def test_returned_covers(positions: int, reason: str) -> None:
    rest = slice_of(numbers(positions.bit_count()), positions=positions, size=60)
    verdict = settle_block.decide_returned(rest, reason, NOW)
    check_cover(positions, (verdict,))
    assert isinstance(verdict, Ended if reason in ("canceled", "validity_ended") else WaitsAgain)


@given(st.lists(st.sampled_from([*RECEIPT_STATES, "ODD"]), min_size=1, max_size=50), st.data())
def test_receipts_cover(states: list[str], data: st.DataObject) -> None:
    whole = data.draw(
        st.dictionaries(st.integers(0, len(states) - 1), st.sampled_from([None, Reason.NONE, Reason.CARRIER_EXPIRED]))
    )
    verdicts = interpret_states.decide(states, whole)
    check_sets(everyone(len(states)), [verdict.entries for verdict in verdicts])
    buried = sum(v.entries for v in verdicts if isinstance(v, UnknownState))
    assert buried == sum(1 << n for n, s in enumerate(states) if s == "ODD" and n not in whole)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["DELIVRD"], None),
        (["DELIVRD", "DELIVRD"], Reason.NONE),
        (["DELIVRD", "ENROUTE"], None),
        (["DELIVRD", "EXPIRED"], Reason.CARRIER_EXPIRED),
        (["UNDELIV"], Reason.CARRIER_UNDELIVERED),
    ],
)
def test_a_message_of_two_segments(states: list[str], expected: Reason | None) -> None:
    assert interpret_states.whole_message(states, 2) is expected
