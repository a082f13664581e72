"""Position sets, columns, and the check where a slice enters a process."""

from __future__ import annotations

from array import array
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.examples import slice_of
from schemas.records.slice import MAX_CHUNK, RecordError, check_slice
from schemas.values.positions import everyone, pick_indexes, places, positions_of, ranks_within
from schemas.values.status import MAX_SEND

MEMBERS = st.sets(st.integers(0, MAX_CHUNK - 1))


@given(MEMBERS)
def test_places_and_positions_are_each_others_inverse(members: set[int]) -> None:
    positions = positions_of(list(members))
    assert places(positions) == sorted(members)
    assert positions.bit_count() == len(members)


@given(st.integers(0, (1 << MAX_CHUNK) - 1))
def test_every_number_is_a_set(positions: int) -> None:
    assert positions_of(places(positions)) == positions


def test_the_empty_set() -> None:
    assert positions_of([]) == 0
    assert places(0) == []
    assert everyone(0) == 0


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, MAX_CHUNK])
def test_everyone(size: int) -> None:
    assert places(everyone(size)) == list(range(size))


@given(MEMBERS, st.data())
def test_ranks_say_where_a_part_stands_in_the_columns_of_the_whole(members: set[int], data: st.DataObject) -> None:
    whole = sorted(members)
    part = sorted(data.draw(st.sets(st.sampled_from(whole)))) if whole else []
    ranks = ranks_within(positions_of(whole), positions_of(part))
    assert [whole[rank] for rank in ranks] == part


def test_indexes_are_picked_by_rank() -> None:
    assert pick_indexes(array("I", [10, 20, 30]).tobytes(), [0, 2]) == array("I", [10, 30]).tobytes()
    assert pick_indexes(b"", []) == b""


def test_a_good_slice_passes() -> None:
    good = slice_of()
    check_slice(good)
    assert good.count == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"size": 0}, "size"),
        ({"size": MAX_CHUNK + 1}, "size"),
        ({"positions": 0}, "positions"),
        ({"positions": -1}, "positions"),
        ({"positions": 0b1011}, "positions"),
        ({"send": 0}, "send"),
        ({"send": MAX_SEND + 1}, "send"),
        ({"lane": "express"}, "lane"),
        ({"indexes": b""}, "indexes"),
        ({"indexes": bytes(13)}, "indexes"),
        ({"segments": b"\1"}, "segments"),
    ],
)
def test_a_slice_that_contradicts_itself_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    with pytest.raises(RecordError, match=f"^{field}:"):
        check_slice(msgspec.structs.replace(slice_of(), **change))


def test_segments_may_be_absent() -> None:
    unpriced = msgspec.structs.replace(slice_of(), segments=b"")
    check_slice(unpriced)
    assert unpriced.segments == b""
