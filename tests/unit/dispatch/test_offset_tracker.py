"""Offsets of dispatch are committed in order, with the place in the log where a later owner begins to read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.dispatch.offset_tracker import OffsetTracker


def test_what_is_open_holds_the_commit_back() -> None:
    offsets = OffsetTracker(10)
    assert offsets.committable(100) == (10, 100)
    offsets.track(10, 2)
    offsets.track(11, 1)
    offsets.track(12, 0)
    offsets.note_log_offset(10, 50)
    offsets.note_log_offset(11, 52)
    offsets.note_log_offset(10, 60)
    assert offsets.committable(100) == (10, 50)
    offsets.settle(11, 1)
    assert offsets.committable(100) == (10, 50)
    offsets.settle(10, 1)
    assert offsets.committable(100) == (10, 50)
    assert offsets.open_positions == 1
    offsets.settle(10, 1)
    assert offsets.committable(100) == (13, 100)


def test_places_of_records_not_read_yet_count() -> None:
    offsets = OffsetTracker(10)
    offsets.note_log_offset(9, 5)
    offsets.note_log_offset(11, 40)
    offsets.track(10, 1)
    assert offsets.committable(100) == (10, 40)
    offsets.settle(10, 1)
    offsets.track(11, 1)
    assert offsets.committable(100) == (11, 40)
    offsets.settle(11, 1)
    assert offsets.committable(100) == (12, 100)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_commit_never_passes_an_open_record(counts: list[int], chance: st.DataObject) -> None:
    offsets = OffsetTracker(0)
    left = dict(enumerate(counts))
    for offset, count in left.items():
        offsets.track(offset, count)
    tokens = [offset for offset, count in left.items() for _ in range(count)]
    chance.shuffle(tokens)  # type: ignore[attr-defined]
    for offset in tokens:
        first_open = min((o for o, count in left.items() if count), default=len(counts))
        assert offsets.committable(0)[0] == first_open
        offsets.settle(offset, 1)
        left[offset] -= 1
    assert offsets.committable(0)[0] == len(counts)
