"""Texts are counted in steps of so many characters: however long they are, little is done before others have their turn."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.carrier_routes import Routes
from gateway.http.fields import MAX_BODY_TEXT
from gateway.http.problem import Fault, Problem
from gateway.screening import segments
from gateway.screening.screening import screen_all, screening_of
from gateway.screening.segments import TURN_CHARACTERS
from gateway.screening.types import Recipient
from schemas.values.text import count_segments, smart

ROUTES = Routes([("+49", ["near"], 700)])


def characters_a_step(monkeypatch: pytest.MonkeyPatch, body: str, value: str, count: int, bound: int) -> list[int]:
    """How many characters were counted in each step."""
    counted = [0]

    def note(text: str) -> Any:
        counted[-1] += len(text)
        return count_segments(text)

    monkeypatch.setattr(segments, "count_segments", note)
    screening = screening_of(body, True, ROUTES, lambda *_: None, lambda _: None)
    some = [Recipient(to=f"+4915112{n:06d}", variables={"a": value}) for n in range(count)]
    for _ in screen_all(screening, some, bound):
        counted.append(0)
    return counted


@pytest.mark.parametrize(
    ("body", "value"),
    [("{{a}}" + "’" * 12_900, "x"), ("{{a}}" + "Δ" * 12_900, "Ж"), ("{{a}}" * 7_999, "xΔ"), ("Ж{{a}}", "Δ" * 30_000)],
)
def test_no_step_counts_more_than_two_long_texts(monkeypatch: pytest.MonkeyPatch, body: str, value: str) -> None:
    steps = characters_a_step(monkeypatch, body, value, 60, 60 * MAX_BODY_TEXT)
    assert sum(steps) >= 60 * 12_900 and max(steps) <= TURN_CHARACTERS + 2 * MAX_BODY_TEXT


def test_the_texts_of_one_request_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="at most 1000000 characters") as caught:
        characters_a_step(monkeypatch, "{{a}}" + "’" * 12_900, "x", 1_000, 1_000_000)
    assert (caught.value.status, caught.value.code) == (422, "too_much_text")


def test_a_text_that_cannot_be_sent_is_not_even_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    rejected: list[tuple[str, str]] = []
    monkeypatch.setattr(segments, "count_segments", lambda _: pytest.fail("counted"))
    screening = screening_of(
        "{{a}}" * 8_000, False, ROUTES, lambda *_: None, lambda one: rejected.append((one.code, one.pointer))
    )
    screening.screen(
        0,
        [
            Recipient(to="+4915112345678", variables={"a": "x" * 60_000}),
            Recipient(to="+4915112345679", variables={"a": "\0" * 60_000}),
            Recipient(to="+4915112345670"),
            Fault(pointer="", code="bad_json", detail=""),
        ],
    )
    assert rejected == [
        ("too_long", "/variables"),
        ("bad_text", "/variables/a"),
        ("missing_variable", "/variables/a"),
        ("bad_json", ""),
    ]


@pytest.mark.parametrize("value", ["“quoted”", "a\u200bb", "`", "…" * 60, "Ж’", "😀" * 40, "\t"])
def test_replacing_by_parts_is_replacing_the_whole(value: str) -> None:
    body = "‘{{a}}’ – {{b}}{{a}}"
    screening = screening_of(body, True, ROUTES, lambda *_: None, lambda _: None)
    screening.screen(0, [Recipient(to="+4915112345678", variables={"a": value, "b": "“"})])
    whole = f"‘{value}’ – “{value}"
    assert (screening.totals.encoding, screening.totals.longest) == count_segments(smart(whole))
