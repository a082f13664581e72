"""A verdict names the row as people count it, what stood there, and everything that is wrong with its recipient."""

from __future__ import annotations

from gateway.carrier_routes import Routes
from gateway.http.problem import Fault
from gateway.recipients.lines import Entries
from gateway.screening.screening import Screening
from gateway.screening.types import Recipient, Rejection

ROUTES = Routes([("", ["near"], 700)])


def test_a_verdict_names_the_row_the_value_and_everything_that_is_wrong() -> None:
    entries: Entries = [
        Recipient(to="0151 2345678", variables={"b": "\0"}, client_ref="\0"),
        Recipient(to="+4915112345001", variables={"c": "x"}),
        Recipient(to="+49", variables={"a": "Ann", "b": "B", "c": "Ж" * 40_000}),
        Recipient(to="+4915112345002", variables={"a": "Ann", "b": "B", "c": "C"}),
        Recipient(to="+4915112345002", variables={"a": "Ann", "b": "B", "c": "C"}),
        Fault(pointer="", code="bad_csv", detail="odd"),
    ]
    refused: list[Rejection] = []
    Screening("{{a}} {{b}} {{c}}", False, ROUTES, lambda *_: None, refused.append).screen(0, entries)
    found = [
        (one.row, one.value, [(one.pointer, one.code), *((fault.pointer, fault.code) for fault in one.also)])
        for one in refused
    ]
    assert found == [
        (
            1,
            "015*******78",
            [
                ("/to", "national_format"),
                ("/variables/a", "missing_variable"),
                ("/variables/c", "missing_variable"),
                ("/client_ref", "bad_text"),
            ],
        ),
        (2, None, [("/variables/a", "missing_variable"), ("/variables/b", "missing_variable")]),
        (3, "***", [("/to", "too_short"), ("/variables", "too_long")]),
        (5, "+49*********02", [("/to", "duplicate")]),
        (6, None, [("", "bad_csv")]),
    ]


def test_a_value_is_told_whole_where_nobody_keeps_it() -> None:
    refused: list[Rejection] = []
    wrong = [Recipient(to="0151 2345678"), Recipient(to="x" * 100)]
    Screening("Hi", False, ROUTES, lambda *_: None, refused.append, show=str).screen(0, wrong)
    assert [one.value for one in refused] == ["0151 2345678", "x" * 64]
