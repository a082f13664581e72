"""One reservation and what a `Usage` does to it: pure arithmetic in ten-thousandths, no database.

In: the row of (tenant, chunk, round, price_class), if there is one, and a usage. Out: the row afterwards, what is charged,
and what is set free of the reservation or of the allowance. A position is charged at most once a round; one that is charged
and refunded is charged, whichever came first, and its money is set free once. A usage whose columns have the wrong length
raises RecordError.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.records.slice import MAX_CHUNK, RecordError
from schemas.records.wire import Usage
from schemas.values.positions import places


@dataclass(slots=True, kw_only=True)
class Reservation:
    """`segments`: uint8 for each position of the chunk (0 = not reserved); `amount`: what is still reserved."""

    price: int
    positions: int
    segments: bytearray
    amount: int
    charged: int
    refunded: int
    charged_amount: int
    lease: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """`charge` leaves the balance; `freed` leaves the reservation's row, `drawn` the allowance."""

    charge: int
    freed: int
    drawn: int


def unreserved(usage: Usage) -> Reservation:
    """The row of a usage for which nothing was reserved under (chunk, round, price_class): its money came from an
    allowance."""
    return Reservation(
        price=usage.price,
        positions=0,
        segments=bytearray(usage.size),
        amount=0,
        charged=0,
        refunded=0,
        charged_amount=0,
        lease=usage.lease,
    )


def settle(row: Reservation, usage: Usage) -> Effect:
    """Take the usage into the row."""
    _check(usage)
    both = usage.charged | usage.refunded
    segments = dict(zip(places(both), usage.segments, strict=True))
    drawn_now = _draw(row, both & ~row.positions, segments) if usage.lease is not None else 0
    newly_charged = usage.charged & ~row.charged
    newly_refunded = usage.refunded & ~(usage.charged | row.charged | row.refunded)
    charge = usage.price * sum(segments[p] for p in places(newly_charged))
    held_until_now = row.positions & ~(row.charged | row.refunded)
    freed = _cost(row, (newly_charged | newly_refunded) & held_until_now & ~drawn_now)
    drawn = _cost(row, (newly_charged | newly_refunded) & drawn_now)
    if charge != freed + drawn:
        _note_charged(row, newly_charged, segments)
    freed = min(freed, row.amount)
    row.amount -= freed
    row.charged |= newly_charged
    row.refunded |= usage.refunded
    row.charged_amount += charge
    return Effect(charge=charge, freed=freed, drawn=drawn)


def _draw(row: Reservation, positions: int, segments: dict[int, int]) -> int:
    """Positions that an allowance paid for enter the row when they are first heard of."""
    if len(row.segments) < positions.bit_length():
        row.segments.extend(bytes(positions.bit_length() - len(row.segments)))
    for p in places(positions):
        row.segments[p] = segments[p]
    row.positions |= positions
    return positions


def _note_charged(row: Reservation, positions: int, segments: dict[int, int]) -> None:
    """What was cut off midway is charged for what the carrier took: with `charged` the row says what each position cost."""
    for p in places(positions):
        if p < len(row.segments):
            row.segments[p] = segments[p]


def _cost(row: Reservation, positions: int) -> int:
    return row.price * sum(row.segments[p] for p in places(positions))


def _check(usage: Usage) -> None:
    both = usage.charged | usage.refunded
    if not 1 <= usage.size <= MAX_CHUNK or both <= 0 or both >> usage.size:
        raise RecordError("charged, refunded: empty, or beyond the chunk's size")
    if len(usage.segments) != both.bit_count():
        raise RecordError("segments: length differs from the number of positions")
    if usage.price < 0:
        raise RecordError("price: below zero")
