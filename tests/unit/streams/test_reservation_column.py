"""What a reservation notes of its positions, all of a chunk or some."""

from __future__ import annotations

import pytest

from streams.adapters.postgres_credit import enter
from streams.ports import CreditAsk


@pytest.mark.parametrize(
    ("asked", "granted", "known", "noted", "cost"),
    [
        (0b1111, 0b1111, b"", b"\x01\x02\x03\x04", 70),
        (0b1111, 0b1111, bytes(4), b"\x01\x02\x03\x04", 70),
        (0b1111, 0b0110, b"", b"\x00\x02\x03\x00", 35),
        (0b1011, 0b1011, b"\x00\x00\x09\x00", b"\x01\x02\x09\x03", 42),
        (0b1011, 0b1000, b"\x01\x00\x09\x00", b"\x01\x00\x09\x03", 21),
    ],
)
def test_segments_are_noted_at_their_positions(asked: int, granted: int, known: bytes, noted: bytes, cost: int) -> None:
    ask = CreditAsk(
        tenant="t", campaign=None, chunk="c", round=0, price_class=0, size=4, lane="marketing", price=7, positions=asked,
        segments=bytes(range(1, asked.bit_count() + 1)),
    )  # fmt: skip
    column = bytearray(known)
    assert enter(ask, granted, column) == cost and column == noted
