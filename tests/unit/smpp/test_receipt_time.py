"""Times as carriers write them: kept as they are, however odd."""

from __future__ import annotations

from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.carriers.smpp.receipt_time import carrier_time


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2603041730", (2026, 3, 4, 17, 30, 0)),
        ("260304173059", (2026, 3, 4, 17, 30, 59)),
        ("202603041730", (2026, 3, 4, 17, 30, 0)),
        ("20260304173059", (2026, 3, 4, 17, 30, 59)),
        ("2026-03-04 17:30:00", (2026, 3, 4, 17, 30, 0)),
        ("2026/03/04 17:30", (2026, 3, 4, 17, 30, 0)),
        ("260304173059000+", (2026, 3, 4, 17, 30, 59)),
        ("00010101000000", (1, 1, 1, 0, 0, 0)),
        ("0101010000", (2001, 1, 1, 0, 0, 0)),
        ("7001010000", (1970, 1, 1, 0, 0, 0)),
        ("20700101000000", (2070, 1, 1, 0, 0, 0)),
        ("99991231235960", (9999, 12, 31, 23, 59, 59)),
        ("99991231235959", (9999, 12, 31, 23, 59, 59)),
    ],
)
def test_times(written: str, moment: tuple[int, ...]) -> None:
    assert carrier_time(written.encode()) == timegm(moment)


@pytest.mark.parametrize(
    "written", ["", "0", "00000101000000", "2613991730", "260304", "1772645400999", "never", "\xb2" * 10]
)
def test_what_is_no_time(written: str) -> None:
    assert carrier_time(written.encode("latin-1")) is None


@given(st.binary(max_size=20) | st.text("0123456789", max_size=16).map(str.encode))
def test_nothing_makes_it_raise(raw: bytes) -> None:
    moment = carrier_time(raw)
    assert moment is None or -62_135_596_800 <= moment < 253_402_300_800
