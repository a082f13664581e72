"""Pages of references: packed and unpacked they say the same; octets that cannot be one are refused."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.ref_page import WIDTH, RefPage, unpack

SIGNED = st.integers(-(1 << 63), (1 << 63) - 1)


@given(st.lists(st.tuples(SIGNED, SIGNED, st.integers(0, 65535), st.integers(0, 255)), max_size=20))
def test_what_is_packed_comes_out(entries: list[tuple[int, int, int, int]]) -> None:
    page = RefPage()
    for key, to_hash, position, segments in entries:
        page.extend(RefPage(array("q", [key]), array("q", [to_hash]), array("H", [position]), array("B", [segments])))
    packed = page.pack()
    assert (len(page), len(packed)) == (len(entries), WIDTH * len(entries))
    again = unpack(packed)
    assert again == page
    assert list(zip(again.keys, again.hashes, again.positions, again.segments, strict=True)) == entries


@pytest.mark.parametrize("octets", [1, WIDTH - 1, WIDTH + 1])
def test_octets_that_are_no_entries_are_refused(octets: int) -> None:
    with pytest.raises(ValueError, match="refs"):
        unpack(bytes(octets))
