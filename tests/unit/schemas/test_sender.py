"""Senders: names and numbers, taken unchanged or refused with a code."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.sender import SenderError, parse_sender


@pytest.mark.parametrize(
    "raw", ["ACME", "a", "A & B Co.", "1-800-FLOWR", " A ", "my_shop", "123", "123456789012345", "+123", "+4915112345678"]
)
def test_senders_are_taken_unchanged(raw: str) -> None:
    assert parse_sender(raw) == raw


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "too_short"),
        ("12", "too_short"),
        ("+", "too_short"),
        ("+12", "too_short"),
        ("1234567890123456", "too_long"),
        ("+1234567890123456", "too_long"),
        ("ACME Limited", "too_long"),
        ("ACMÉ", "bad_character"),
        ("a+b", "bad_character"),
        ("+49 151 123", "bad_character"),
        ("ACME\n", "bad_character"),
        ("ACME\0", "bad_character"),
        ("１２３", "bad_character"),
        ("1-2", "no_letter"),
        (" ", "no_letter"),
        ("0.5", "no_letter"),
    ],
)
def test_others_are_refused(raw: str, code: str) -> None:
    with pytest.raises(SenderError) as refused:
        parse_sender(raw)
    assert refused.value.code == code
    assert refused.value.detail


@given(st.one_of(st.text(max_size=20), st.text("aZ09 ._&-+", max_size=18)))
def test_the_rule_is_the_interfaces(raw: str) -> None:
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._&-")
    name = 1 <= len(raw) <= 11 and set(raw) <= allowed and any(c.isalpha() for c in raw)
    number = re.fullmatch(r"[+]?[0-9]{3,15}", raw) is not None
    try:
        taken = parse_sender(raw) == raw
    except SenderError:
        taken = False
    assert taken is (name or number)
