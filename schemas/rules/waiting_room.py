"""Rows of the waiting room: how they are numbered, so that a repeated record is the same row and a second wait is not.

In: a slice that waits, or the number of the row that it leaves. Out: the record of `held`, or the slice as it goes on. A row
is (chunk, send, hold, portion): `hold` counts how often these positions have waited under this send number, `portion` tells
apart what waits of one send at once. Pure.
"""

from __future__ import annotations

import zlib

from msgspec.structs import replace

from schemas.records.slice import Slice
from schemas.records.wire import Held
from schemas.values.reasons import Reason


def held_row(slice_: Slice, reason: Reason, not_before: int, at: int) -> Held:
    """The row in which this slice waits until `not_before` at least (milliseconds, as `at`)."""
    segments = slice_.segments
    return Held(
        hold=slice_.holds,
        portion=portion(slice_.positions),
        reason=reason,
        not_before=not_before,
        cost=slice_.price * sum(segments),
        cheapest=slice_.price * min(segments, default=0),
        at=at,
        slice=slice_,
    )


def after_hold(slice_: Slice, hold: int) -> Slice:
    """The slice when it leaves the row with this number."""
    return replace(slice_, holds=hold + 1)


def portion(positions: int) -> int:
    """Which part of a send this is: the lowest of its positions and 11 bits of the set.

    The waiting room keeps the first row of (send, hold, portion). Several parts of a send may wait at once (for money and
    for room, at two carriers, given back in pieces), and a repeat may cut otherwise than the first time.
    """
    lowest = (positions & -positions).bit_length() - 1
    check = zlib.crc32(positions.to_bytes((positions.bit_length() + 7) // 8, "little")) & 0x7FF
    return lowest << 11 | check
