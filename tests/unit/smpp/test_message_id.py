"""The two forms of a carrier's message id find each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.smpp.message_id import MessageIdType, candidates, stored

numbers = st.integers(0, 2**63)


@given(numbers)
def test_the_declared_forms_meet(number: int) -> None:
    assert candidates(str(number), "hex-dec") == (stored(format(number, "x"), "hex-dec"),)
    assert candidates(format(number, "x"), "dec-hex") == (stored(str(number), "dec-hex"),)
    assert candidates(str(number), "same") == (stored(str(number), "same"),)


FORMS = st.sampled_from(["d", "x", "X", "010d", "08x", "016X"])


@given(numbers, FORMS, FORMS)
def test_auto_finds_a_number_written_in_any_two_forms(number: int, answer: str, receipt: str) -> None:
    assert stored(format(number, answer), "auto") in candidates(format(number, receipt), "auto")


@given(st.text(max_size=64))
def test_auto_finds_what_is_no_number(text: str) -> None:
    found = candidates(text, "auto")
    assert stored(text, "auto") == found[0]
    assert len(set(found)) == len(found) <= 4


UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        (UUID, UUID.replace("-", "")),
        (UUID.upper(), UUID.replace("-", "")),
        (UUID.replace("-", ""), UUID.upper()),
        ("MSG-1Z", "msg-1z"),
        ("msg-1z", "MSG-1Z"),
        (UUID, UUID.upper()),
    ],
)
def test_auto_finds_other_case_and_hyphens(answer: str, receipt: str) -> None:
    assert stored(answer, "auto") in candidates(receipt, "auto")


@pytest.mark.parametrize(
    ("answer", "receipt", "kind"),
    [
        ("0000FF", "255", "hex-dec"),
        ("255", "000000FF", "dec-hex"),
        ("a-7", "a-7", "hex-dec"),
        ("Ab-7", "Ab-7", "auto"),
        ("", "", "auto"),
        ("0", "000", "auto"),
    ],
)
def test_examples(answer: str, receipt: str, kind: MessageIdType) -> None:
    assert stored(answer, kind) in candidates(receipt, kind)


def test_same_keeps_every_character() -> None:
    assert candidates("00aB", "same") == ("00aB",)
    assert stored("00aB", "same") != stored("ab", "same")
