"""Many keys at once get the partitions that each gets alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.ids import partition_of
from schemas.values.partitions import partitions_of

LENGTHS = st.sampled_from([0, 1, 3, 4, 31, 35, 36])
KEYS = st.lists(LENGTHS.flatmap(lambda length: st.binary(min_size=length, max_size=length)), max_size=60)
NUMBERS = st.lists(st.integers(0, 2**31 - 1), max_size=60)


@given(KEYS, st.integers(1, 1000))
def test_of_any_keys(keys: list[bytes], partitions: int) -> None:
    assert partitions_of(keys, partitions) == [partition_of(key, partitions) for key in keys]


@given(st.binary(max_size=40), NUMBERS, st.integers(1, 16))
def test_of_keys_that_begin_alike(prefix: bytes, numbers: list[int], partitions: int) -> None:
    keys = [b"%b%d" % (prefix, number) for number in numbers]
    assert partitions_of(keys, partitions) == [partition_of(key, partitions) for key in keys]


def test_of_a_whole_chunk() -> None:
    keys = [b"msg_01ARZ3NDEKTSV4RRFFQ69G5FAV_0_%d" % index for index in range(750, 1250)]
    assert partitions_of(keys, 4) == [partition_of(key, 4) for key in keys]


@pytest.mark.parametrize("count", [1, 500])
def test_a_topic_has_partitions(count: int) -> None:
    with pytest.raises(ValueError, match="partition"):
        partitions_of([b"k"] * count, 0)
