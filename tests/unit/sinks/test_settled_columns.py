"""The columns of a settled record by position: whole, empty where nobody could read, refused where they do not fit."""

from __future__ import annotations

import pytest

from connectors.sinks.settled_columns import read_columns
from schemas.records.slice import RecordError
from tests.support.log_records import settled


def test_every_position_has_its_hash() -> None:
    columns = read_columns(settled({"sent": 0b0001, "failed": 0b0010, "uncertain": 0b0100, "transient": 0b1000}))
    assert dict(columns.to_hashes) == {0: 1000, 1: 1001, 2: 1002, 3: 1003}
    assert (list(columns.ids), columns.answered, columns.uncertain) == ([0], 0b1011, [2])


def test_what_nobody_could_open_has_none() -> None:
    columns = read_columns(settled({"failed": 0b11}, to_hashes=b""))
    assert (columns.to_hashes, columns.answered) == ({}, 0b11)


@pytest.mark.parametrize("outcomes", [{"sent": 0b11}, {"failed": 0b01, "uncertain": 0b10}])
@pytest.mark.parametrize("to_hashes", [b"", b"12345678"])
def test_hashes_that_do_not_fit_are_refused(outcomes: dict[str, int], to_hashes: bytes) -> None:
    with pytest.raises(RecordError):
        read_columns(settled(outcomes, to_hashes=to_hashes))
