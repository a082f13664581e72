"""Some positions of a slice on their way through the steps, with what the steps have found out so far.

In: a slice as it was read. Out, at the end of the way: a slice of exactly these positions, its columns cut and sealed
once (`Sealer.narrow`), not after every step. A part is never wider than its slice; `cut` to positions outside raises
ValueError.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.records.slice import Columns, Slice
from schemas.values.positions import places, ranks_within
from schemas.values.reasons import Reason
from streams.outcome import Next


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`segments`: uint8 per position, empty while unknown; `carriers`: those of its route, the preferred one
    first, once it is routed; `price` per segment; `price_class` of the reservation; `due_at`
    and `closes_at` as a slice has them; `ending`: why it is over and goes to its carrier all the same, which was given it by
    a first run."""

    slice: Slice
    positions: int
    segments: bytes
    carrier: str | None
    price: int
    lease: str | None
    price_class: int
    due_at: int
    closes_at: int
    ending: Reason | None = None
    carriers: tuple[str, ...] = ()

    @property
    def send(self) -> tuple[str, str, int]:
        """(tenant, chunk, send number)."""
        return self.slice.tenant, self.slice.chunk, self.slice.send

    @property
    def total_segments(self) -> int:
        """Segments of all positions: what they take at the carrier."""
        return sum(self.segments)

    @property
    def cost(self) -> int:
        """Price of all positions."""
        return self.price * sum(self.segments)

    @property
    def cheapest(self) -> int:
        """Price of the cheapest position; 0 while not priced."""
        return self.price * min(self.segments, default=0)

    def cut(self, positions: int) -> Selection:
        """The part of these positions alone."""
        if positions == self.positions:
            return self
        if positions & ~self.positions:
            raise ValueError("a part is never wider than before")
        column = self.segments
        if column and column.count(column[0]) == len(column):
            column = column[: positions.bit_count()]
        elif column:
            column = bytes([column[i] for i in ranks_within(self.positions, positions)])
        return replace(self, positions=positions, segments=column)

    def advance(self, step: Next) -> Selection:
        """The part after a step let these positions go on."""
        part = self.cut(step.positions)
        return replace(
            part,
            segments=part.segments if step.segments is None else step.segments,
            carrier=step.carrier or part.carrier,
            carriers=step.carriers or part.carriers,
            price=part.price if step.price is None else step.price,
            price_class=part.price_class if step.price_class is None else step.price_class,
            lease=step.lease or part.lease,
            due_at=part.due_at if step.due_at is None else step.due_at,
            closes_at=part.closes_at if step.closes_at is None else step.closes_at,
        )


def numbers_of(part: Selection, columns: Columns) -> Sequence[int]:
    """The numbers of the part's positions, ascending; `columns`: of its slice, opened."""
    numbers = array("Q", columns.to)
    if part.positions == part.slice.positions:
        return numbers
    return [n for p, n in zip(places(part.slice.positions), numbers, strict=True) if part.positions >> p & 1]


def whole(slice_: Slice) -> Selection:
    """All positions of a slice, with what it says of itself."""
    return Selection(
        slice=slice_,
        positions=slice_.positions,
        segments=slice_.segments,
        carrier=slice_.carrier,
        price=slice_.price,
        lease=slice_.lease,
        price_class=slice_.price_class,
        due_at=slice_.due_at,
        closes_at=slice_.closes_at,
    )
