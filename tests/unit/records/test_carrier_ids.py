"""Keys of carriers' ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.values.carrier_ids import ref_key, ref_keys


@given(st.text(max_size=80))
def test_a_key_fits_into_a_signed_64_bit_number(carrier_id: str) -> None:
    assert -(1 << 63) <= ref_key(carrier_id) < 1 << 63


@given(st.integers(1, 10**18 - 1))
def test_numbers_keep_their_order(number: int) -> None:
    assert ref_key(str(number)) == number


def test_other_ids_never_look_like_a_number() -> None:
    others = ["", "0", "007", "1f", "1" * 19, "٣", "-5", "12 "]
    keys = [ref_key(one) for one in others]
    assert all(key < 0 for key in keys)
    assert len(set(keys)) == len(others)


IDS = st.one_of(
    st.integers(0, 10**19).map(str),
    st.text(max_size=20),
    st.sampled_from(["", "0", "007", "9" * 18, "9" * 19, "٣", "-5", "12 ", "1_0", "+1", "²"]),
)


@given(st.lists(IDS, max_size=10))
def test_many_at_once_have_the_keys_that_each_has_alone(carrier_ids: list[str]) -> None:
    assert list(ref_keys(carrier_ids)) == [ref_key(one) for one in carrier_ids]


@given(st.lists(st.integers(1, 10**18 - 1), min_size=1, max_size=10))
def test_many_numbers_keep_their_order(numbers: list[int]) -> None:
    assert list(ref_keys(list(map(str, numbers)))) == numbers
