"""How far delay reads ahead of what is due: far enough that nothing is late, and no further than memory has room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.look_ahead import (
    ALL_BYTES,
    FAR,
    NEAR,
    PARTITION_BYTES,
    RECORD_BYTES,
    WaitingPartition,
    most_bytes,
)
from schemas.values.rungs import Rung
from tests.support.delay_harness import parcel


def _partition(rung: Rung = Rung.TEN_SECONDS) -> WaitingPartition:
    return WaitingPartition(rung)


@given(st.permutations(range(8)), st.integers(0, 8))
def test_only_a_gapless_beginning_is_committable(order: list[int], count: int) -> None:
    waiting = _partition()
    for offset in range(8):
        waiting.enqueue(parcel(100 + offset), 0)
    for offset in order[:count]:
        waiting.done(100 + offset)
    assert waiting.committable == 100 + min(order[count:], default=8)


def test_nothing_is_committable_before_anything_was_read() -> None:
    assert _partition().committable == -1


def test_a_buried_record_moves_the_offset_but_never_past_one_that_waits() -> None:
    waiting = _partition()
    waiting.skip(5)
    assert waiting.committable == 6
    waiting.enqueue(parcel(6), 0)
    waiting.skip(7)
    assert waiting.committable == 6
    waiting.done(6)
    assert waiting.committable == 8


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(0, 20))
def test_what_is_due_comes_by_time_and_the_rest_stays(dues: list[int], now: int) -> None:
    waiting = _partition()
    for offset, due in enumerate(dues):
        waiting.enqueue(parcel(offset, due), 0)
    out = [taken.due for taken in waiting.take_due(now)]
    assert out == sorted(due for due in dues if due <= now)
    assert waiting.bytes == (len(dues) - len(out)) * (1 + RECORD_BYTES)


def test_the_look_ahead_is_bounded_in_bytes() -> None:
    waiting = _partition()
    waiting.enqueue(parcel(0, size=PARTITION_BYTES - RECORD_BYTES), 0)
    assert waiting.fullness(0, PARTITION_BYTES) == 1
    waiting.take_due(0)
    assert waiting.fullness(0, PARTITION_BYTES) == 0


def test_together_they_keep_to_a_bound_of_which_each_has_its_share() -> None:
    assert most_bytes(ALL_BYTES - 1, 36) == PARTITION_BYTES
    assert 36 * most_bytes(ALL_BYTES, 36) <= ALL_BYTES
    assert most_bytes(ALL_BYTES, 1) == PARTITION_BYTES


@pytest.mark.parametrize("rung", list(Rung))
@given(data=st.data())
def test_whatever_is_unread_while_a_partition_is_held_is_not_due_yet(rung: Rung, data: st.DataObject) -> None:
    """Records of a rung, written one after the other at these times; reading stops and goes on as `fullness` says."""
    gaps = data.draw(st.lists(st.integers(0, 60_000), min_size=1, max_size=30))
    dues, written = [], 0
    for gap in gaps:
        written += gap
        dues.append((written + rung.wait_ms + data.draw(st.integers(0, rung.jitter_ms - 1))) / 1000)
    waiting, unread, held, now = _partition(rung), list(enumerate(dues)), False, written / 1000
    while unread:
        fullness = waiting.fullness(now, PARTITION_BYTES)
        held = fullness >= 1 or (held and fullness >= 0.5)
        if held:
            assert all(due > now + NEAR for _, due in unread)
            now += 1
        else:
            offset, due = unread.pop(0)
            waiting.enqueue(parcel(offset, due), now)
        for taken in waiting.take_due(now):
            assert taken.due <= now


def test_ten_seconds_are_always_read_at_once() -> None:
    waiting = _partition()
    waiting.enqueue(parcel(0, 12.0), 0)
    assert FAR > 12 and waiting.fullness(0, PARTITION_BYTES) < 1


def test_a_record_of_a_clock_that_was_wrong_keeps_nobody_behind_it_for_longer_than_the_rung() -> None:
    waiting = _partition(Rung.ONE_MINUTE)
    waiting.enqueue(parcel(0, 10_000.0), 0)
    assert waiting.fullness(0, PARTITION_BYTES) == 1
    assert waiting.fullness(60 - NEAR + 0.001, PARTITION_BYTES) < 0.5
