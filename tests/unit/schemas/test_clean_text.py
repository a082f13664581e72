"""What a peer wrote fits into every store once it is clean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.foreign_text import clean

ANY = st.text(st.characters(codec=None), max_size=80)


@given(ANY, st.integers(1, 80))
def test_clean_text_fits_everywhere_and_is_clean(text: str, most: int) -> None:
    kept = clean(text, most)
    assert len(kept) <= most and clean(kept, most) == kept
    assert json.loads(json.dumps(kept).encode()) == kept and kept.encode().decode() == kept
    assert "\0" not in kept and len(kept.splitlines()) <= 1
    assert set(kept) <= set(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("021\0", "021"),
        ("\x0021", "21"),
        ("a\nb", "ab"),
        ("\ud800x", "x"),
        ("\u2028x\x85", "x"),
        (" a b ", "a b"),
        ("", ""),
        ("caf\u00e9", "caf\u00e9"),
        ("0" * 99, "0" * 64),
    ],
)
def test_examples(text: str, kept: str) -> None:
    assert clean(text, 64) == kept
