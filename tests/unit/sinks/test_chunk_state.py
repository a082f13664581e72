"""The state of a chunk: whatever the order and however often, the highest sequence of each message wins.

In: arbitrary changes. Out: the same columns and counts as the plain rule, message by message, gives.
"""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.chunk_state import RANKS, ChunkState
from schemas.records import Change
from schemas.slices import RecordError
from schemas.status import Status, sequence
from tests.support.log_records import NOW, SIZE, change, events

changes = st.lists(st.builds(
    lambda status, send, positions: change(str(status), positions, send=send),
    st.sampled_from(list(Status)), st.integers(1, 3), st.integers(1, 2**SIZE - 1)), max_size=12)


def after(told: list[Change]) -> tuple[ChunkState, list[int]]:
    state, moved = ChunkState(events()), [0] * RANKS
    for one in told:
        state.apply(one, NOW, 0, moved)
    return state, moved


@given(changes)
def test_each_message_has_its_highest_sequence_and_counts_are_the_ranks(told: list[Change]) -> None:
    state, moved = after(told)
    expected = [max((sequence(c.send, Status(c.status)) for c in told if c.positions >> p & 1), default=0)
                for p in range(SIZE)]
    assert list(state.sequences) == expected
    assert state.highest == max(expected) and (len(set(expected)) == 1 or not state.uniform)
    assert moved[1:] == [sum(1 for e in expected if e & 15 == rank) for rank in range(1, RANKS)]


@given(changes, st.randoms())
def test_order_and_repeats_do_not_matter(told: list[Change], random: object) -> None:
    shuffled = [*told, *told]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    (one, moved), (other, also_moved) = after(told), after(shuffled)
    assert one.sequences == other.sequences and moved[1:] == also_moved[1:]


def test_a_late_change_still_tells_what_was_unknown() -> None:
    state, moved = ChunkState(events()), [0] * RANKS
    state.apply(change("sent"), NOW, 0, moved)
    state.apply(change("queued", price=700, segments=bytes([2]) * SIZE), NOW - 5000, 3, moved)
    assert state.price == 700 and state.segments == array("h", [2] * SIZE) and state.carriers == array("h", [3] * SIZE)
    assert set(state.sequences) == {sequence(1, Status.SENT)} and set(state.seconds) == {NOW // 1000}


@pytest.mark.parametrize("wrong", [
    change("sent", 1 << SIZE), change("sent", 0), change("posted"), change("sent", reason="because"),
    change("sent", 3, segments=b"\1"),
])
def test_a_change_that_contradicts_itself_is_refused(wrong: Change) -> None:
    with pytest.raises(RecordError):
        after([wrong])
