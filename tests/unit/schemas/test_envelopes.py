"""Slices that share a record: in their order, of one lane and key, few enough and small enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.rules.envelopes import group_slices
from tests.support.log_records import a_slice


def test_what_would_not_fit_into_one_record_goes_in_two() -> None:
    large = [a_slice(chunk=f"chk_{n}", sealed=b"x" * 200_000) for n in range(5)]
    assert [len(group) for group in group_slices(large, most=32)] == [2, 2, 1]
    assert [len(group) for group in group_slices([a_slice()] * 40, most=32)] == [32, 8]


def test_another_lane_or_key_begins_another_record() -> None:
    slices = [a_slice(), a_slice(lane="otp"), a_slice(lane="otp", campaign=None), a_slice(lane="otp", campaign=None)]
    assert [len(group) for group in group_slices(slices, most=32)] == [1, 3]
    assert [len(group) for group in group_slices(slices, most=32, key=lambda slice_: slice_.campaign)] == [1, 1, 2]


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 5), st.integers(20, 60))
def test_every_slice_is_in_one_group_in_its_order(sizes: list[int], most: int, bound: int) -> None:
    slices = [a_slice(chunk=f"chk_{n}", sealed=b"x" * size) for n, size in enumerate(sizes)]
    groups = group_slices(slices, most=most, most_bytes=bound, size=lambda slice_: len(slice_.sealed))
    assert [one for group in groups for one in group] == slices
    assert all(len(group) <= most and (len(group) == 1 or sum(len(s.sealed) for s in group) <= bound) for group in groups)
