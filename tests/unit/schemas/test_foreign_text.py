"""What a peer wrote is made fit for everything that keeps it, and stays as it is when nothing is wrong with it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.foreign_text import CODE_LENGTH, fit, fit_column, join_column


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("021", "021"),
        ("", ""),
        ("021\0", "021\ufffd"),
        ("a\nb", "a\ufffdb"),
        ("\ud800x", "\ufffdx"),
        ("\x9f", "\ufffd"),
        ("שלום \u202e", "שלום \u202e"),
        ('\\u0000"', '\\u0000"'),
        ("x" * 2**20, "x" * CODE_LENGTH),
    ],
)
def test_what_cannot_be_kept_is_marked(text: str, kept: str) -> None:
    assert fit(text, CODE_LENGTH) == kept


@given(st.lists(st.text(max_size=100), min_size=1, max_size=5))
def test_a_joined_column_has_as_many_entries_and_can_be_written(texts: list[str]) -> None:
    column = join_column(texts, CODE_LENGTH)
    assert column.split("\n") == [fit(text, CODE_LENGTH) for text in texts]
    assert "\0" not in json.loads(json.dumps(column).encode())
    assert fit_column(column, CODE_LENGTH) is column


def test_a_column_with_one_odd_text_keeps_the_others() -> None:
    assert fit_column("000\n021\0\n000", CODE_LENGTH) == "000\n021\ufffd\n000"
    assert fit_column("000\n" + "9" * 70, CODE_LENGTH) == "000\n" + "9" * 64


@given(st.lists(st.text("ab", max_size=9), min_size=1, max_size=9), st.integers(1, 9))
def test_a_column_is_kept_exactly_when_no_text_is_too_long(texts: list[str], most: int) -> None:
    column = "\n".join(texts)
    assert (fit_column(column, most) is column) == all(len(text) <= most for text in texts)
