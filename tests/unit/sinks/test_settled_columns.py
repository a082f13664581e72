"""The columns of a settled record by position: whole, empty where nobody could read, refused where they do not fit."""

from __future__ import annotations

import pytest

from connectors.sinks.settled_columns import read_columns
from schemas.records.slice import RecordError
from schemas.values.carrier_ids import ref_key
from tests.support.log_records import settled


def test_every_position_has_its_hash() -> None:
    columns = read_columns(settled({"sent": 0b0001, "failed": 0b0010, "uncertain": 0b0100, "transient": 0b1000}))
    assert columns.to_hashes() == {0: 1000, 1: 1001, 2: 1002, 3: 1003}
    assert (columns.with_id, columns.answered, columns.uncertain) == (1, 0b1011, [2])


def test_what_nobody_could_open_has_none() -> None:
    columns = read_columns(settled({"failed": 0b11}, to_hashes=b""))
    assert (columns.to_hashes(), columns.answered) == ({}, 0b11)
    assert len(columns.refs(0)) == 0


@pytest.mark.parametrize("outcomes", [{"sent": 0b11}, {"failed": 0b01, "uncertain": 0b10}])
@pytest.mark.parametrize("to_hashes", [b"", b"12345678"])
def test_hashes_that_do_not_fit_are_refused(outcomes: dict[str, int], to_hashes: bytes) -> None:
    with pytest.raises(RecordError):
        read_columns(settled(outcomes, to_hashes=to_hashes))


@pytest.mark.parametrize(
    ("outcomes", "ids", "known", "expected"),
    [
        ({"sent": 0b111}, "5\n6\n7", 0, [("5", 0), ("6", 1), ("7", 2)]),
        ({"sent": 0b111}, "5\nmsg-6\n007", 0, [("5", 0), ("msg-6", 1), ("007", 2)]),
        ({"sent": 0b111}, "5\n6\n7", 0b1010, [("5", 0), ("7", 2)]),
        ({"sent": 0b111}, "5\n6\n7", 0b111, []),
        ({"sent": 0b111}, "5\n\n7", 0, [("5", 0), ("7", 2)]),
        ({"sent": 0b101, "failed": 0b010}, "5\n7", 0, [("5", 0), ("7", 2)]),
        ({"sent": 0b001, "partial": 0b100, "uncertain": 0b010}, "5,6\n7,", 0, [("5", 0), ("6", 0), ("7", 2)]),
        ({"failed": 0b111}, "", 0, []),
    ],
)
def test_each_id_stands_for_its_position_with_its_destination_and_segments(
    outcomes: dict[str, int], ids: str, known: int, expected: list[tuple[str, int]]
) -> None:
    refs = read_columns(settled(outcomes, ids=ids, segments=bytes([1, 2, 3]))).refs(known)
    assert list(zip(refs.keys, refs.hashes, refs.positions, refs.segments, strict=True)) == [
        (ref_key(id_), 1000 + position, position, position + 1) for id_, position in expected
    ]
