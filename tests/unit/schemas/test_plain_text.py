"""Counted by length or one by one, texts have the same segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.plain_text import PlainTexts
from schemas.values.template import compile_template
from schemas.values.text import MAX_SEGMENTS, PART, TextError, count_segments, smart

BODIES = st.sampled_from(["{{a}}", "Hi {{a}} {{b}}{{a}}", "Ж {{a}}", "€ {{b}}", "x" * 150 + "{{a}}", "Hi"])
VALUES = st.sampled_from(["Ann", "", "é", "Δ", "€", "[", "’", "Ж", "x" * 9, "x" * 153, "\x1b", "\n"]) | st.text(max_size=5)


@given(BODIES, st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=20))
def test_by_length_as_one_by_one(body: str, rows: list[tuple[str, str]]) -> None:
    texts, template = PlainTexts(body), compile_template(body)
    counted = texts.count([[row["ab".index(name)] for row in rows] for name in texts.names])
    if counted is None:
        return
    rendered = [template.render({"a": a, "b": b}) for a, b in rows]
    for rewritten in (rendered, list(map(smart, rendered))):
        assert [count_segments(text) for text in rewritten] == [("gsm7", segments) for segments in counted[0]]
    assert counted[1] == list(map(len, rendered))


def test_most_texts_are_plain() -> None:
    counted = PlainTexts("Hello {{a}}, {{b}}").count([["Zoë", "x" * 400], ["ö @ 1.5 £", "?"]])
    assert counted is None  # ë is no character of the alphabet
    assert PlainTexts("Hello {{a}}, {{b}}").count([["Zoé", "x" * 400], ["ö @ 1.5 £", "?"]]) == ([1, 3], [20, 409])


@pytest.mark.parametrize(("value", "counted"), [("x", True), (None, False), ("x" * (PART["gsm7"] * MAX_SEGMENTS), True)])
def test_a_missing_value_is_not_counted(value: str | None, counted: bool) -> None:
    assert (PlainTexts("{{a}}").count([["x", value]]) is not None) == counted


def test_what_no_message_can_carry_is_left_to_who_says_so() -> None:
    text = "x" * (PART["gsm7"] * MAX_SEGMENTS + 1)
    assert PlainTexts("{{a}}").count([[text]]) is None
    with pytest.raises(TextError):
        count_segments(text)
