"""The comparisons of the great tests find what they are there to find."""

from __future__ import annotations

from typing import Any

from connectors.simulator.log import Entry
from tests.support.ledger import adds_up, disagreements, takings, twice


def entry(number: str, status: int = 0, sequence: int = 0) -> Entry:
    return Entry(
        time=0,
        bind=1,
        destination=number[1:],
        source="Shop",
        reference=0,
        total=0,
        sequence=sequence,
        octets=2,
        id="1" if status == 0 else "",
        status=status,
    )


def row(number: str, status: str = "delivered") -> dict[str, Any]:
    return {"id": f"msg_{number}", "to": number, "status": status}


def test_a_message_taken_twice_is_seen() -> None:
    assert twice([entry("+491"), entry("+491"), entry("+492"), entry("+492", status=88)], ["+491", "+492"]) == ["+491"]


def test_parts_of_one_message_count_once() -> None:
    assert takings([entry("+491", sequence=1), entry("+491", sequence=2)], ["+491", "+492"]) == {"+491": 1, "+492": 0}


def test_counts_that_do_not_add_up_are_seen() -> None:
    assert adds_up({"accepted": 3, "queued": 1, "sent": 2})
    assert not adds_up({"accepted": 3, "queued": 1, "sent": 1})


def test_agreement_is_silent() -> None:
    assert disagreements({"accepted": 1, "delivered": 1}, [row("+491")], ["+491"], [entry("+491")]) == []


def test_each_kind_of_disagreement_is_named() -> None:
    cases: tuple[tuple[dict[str, int], list[dict[str, Any]], list[str], list[Entry]], ...] = (
        ({"accepted": 1, "delivered": 1}, [row("+491")], ["+491"], []),
        ({"accepted": 1, "delivered": 1}, [row("+491")], ["+491"], [entry("+491"), entry("+491")]),
        ({"accepted": 1, "delivered": 0, "failed": 1}, [row("+491")], ["+491"], [entry("+491")]),
        ({"accepted": 2, "delivered": 1}, [row("+491")], ["+491", "+492"], [entry("+491")]),
        ({"accepted": 1, "canceled": 1}, [row("+491", "canceled")], ["+491"], [entry("+491")]),
    )
    for counts, rows, numbers, entries in cases:
        assert disagreements(counts, rows, numbers, entries) != []
