"""The state of a chunk: whatever the order and however often, the highest sequence of each message wins.

In: arbitrary changes. Out: the same columns and counts as the plain rule, message by message, gives. A receipt that is
missing is the one thing that is taken over under an equal sequence.
"""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.chunk_state import RANKS, ChunkState
from schemas.records.slice import RecordError
from schemas.records.wire import Change
from schemas.values.reasons import Reason
from schemas.values.status import Status, sequence
from tests.support.log_records import NOW, SIZE, change, events

changes = st.lists(
    st.one_of(
        st.builds(
            lambda status, send, positions: change(str(status), positions, send=send, carrier="acme"),
            st.sampled_from(list(Status)),
            st.integers(1, 3),
            st.integers(1, 2**SIZE - 1),
        ),
        st.builds(
            lambda send, positions: change("sent", positions, send=send, reason="no_receipt"),
            st.integers(1, 3),
            st.integers(1, 2**SIZE - 1),
        ),
    ),
    max_size=12,
)
MISSING = Reason.NO_RECEIPT.number


def after(told: list[Change]) -> tuple[ChunkState, list[int]]:
    state, moved = ChunkState(events()), [0] * RANKS
    for one in told:
        state.apply(one, NOW, 3, moved)
    return state, moved


@given(changes)
def test_each_message_has_its_highest_sequence_and_counts_are_the_ranks(told: list[Change]) -> None:
    state, moved = after(told)
    expected = [
        max((sequence(c.send, Status(c.status)) for c in told if c.positions >> p & 1), default=0) for p in range(SIZE)
    ]
    assert list(state.sequences) == expected
    assert state.highest == max(expected) and (len(set(expected)) == 1 or not state.uniform)
    assert moved[1:] == [sum(1 for e in expected if e & 15 == rank) for rank in range(1, RANKS)]


@given(changes, st.randoms())
def test_order_and_repeats_do_not_matter(told: list[Change], random: object) -> None:
    shuffled = [*told, *told]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    (one, moved), (other, also_moved) = after(told), after(shuffled)
    assert one.sequences == other.sequences and moved[1:] == also_moved[1:]
    assert one.reasons == other.reasons and one.resting() == other.resting()


@given(changes)
def test_who_rests_without_a_receipt_and_who_waits_for_one(told: list[Change]) -> None:
    state, _ = after(told)
    for p in range(SIZE):
        missed = [
            c
            for c in told
            if c.positions >> p & 1 and c.reason == "no_receipt" and sequence(c.send, Status.SENT) == state.sequences[p]
        ]
        assert (state.reasons[p] == MISSING) is bool(missed)
    waiting = any(s & 15 == Status.SENT.rank and r != MISSING for s, r in zip(state.sequences, state.reasons, strict=True))
    assert state.resting() == ({3: NOW // 1000} if waiting else {})


def test_a_missing_receipt_is_noted_once_and_under_its_own_sequence_alone() -> None:
    state, moved = ChunkState(events()), [0] * RANKS
    state.apply(change("sent", send=2, carrier="acme"), NOW, 3, moved)
    before = list(moved)
    for late in (
        change("sent", 1, send=1, reason="no_receipt"),
        change("uncertain", 1, send=2, reason="no_receipt"),
        change("sent", 1, send=2, reason="answer_timeout"),
    ):
        state.apply(late, NOW + 1000, 0, moved)
        assert set(state.reasons) == {0} and set(state.seconds) == {NOW // 1000}
    state.apply(change("sent", 2, send=2, reason="no_receipt"), NOW + 5000, 0, moved)
    state.apply(change("sent", send=2, reason="no_receipt"), NOW + 9000, 0, moved)
    assert set(state.reasons) == {MISSING} and moved == before and state.resting() == {}
    assert [second - NOW // 1000 for second in state.seconds] == [9, 5] + [9] * (SIZE - 2)
    assert state.uniform and state.highest == sequence(2, Status.SENT)


def test_each_carrier_waits_by_itself_and_an_unknown_one_cannot() -> None:
    state, moved = ChunkState(events()), [0] * RANKS
    state.apply(change("sent", 0b0000000011), NOW + 7000, 3, moved)
    state.apply(change("sent", 0b0000001100), NOW + 5000, 4, moved)
    state.apply(change("sent", 0b0000010000), NOW + 4000, 3, moved)
    state.apply(change("sent", 0b1000000000), NOW, 0, moved)
    assert state.resting() == {3: NOW // 1000 + 4, 4: NOW // 1000 + 5}


def test_a_late_change_still_tells_what_was_unknown() -> None:
    state, moved = ChunkState(events()), [0] * RANKS
    state.apply(change("sent"), NOW, 0, moved)
    state.apply(change("queued", price=700, segments=bytes([2]) * SIZE), NOW - 5000, 3, moved)
    assert state.price == 700 and state.segments == array("h", [2] * SIZE) and state.carriers == array("h", [3] * SIZE)
    assert set(state.sequences) == {sequence(1, Status.SENT)} and set(state.seconds) == {NOW // 1000}


@pytest.mark.parametrize(
    "wrong",
    [
        change("sent", 1 << SIZE),
        change("sent", 0),
        change("posted"),
        change("sent", reason="because"),
        change("sent", 3, segments=b"\1"),
    ],
)
def test_a_change_that_contradicts_itself_is_refused(wrong: Change) -> None:
    with pytest.raises(RecordError):
        after([wrong])
