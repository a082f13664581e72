"""The share that fits: positions in ascending order, as long as their segments stay within what there is.

In: a set of positions, their segments (uint8 each, ascending), the segments that fit. Out: the first positions that fit, so
that nothing overtakes within a slice. Used where room at a carrier and money of an account are shared out.
"""

from __future__ import annotations

from schemas.values.positions import places, positions_of


def count_that_fit(segments: bytes, room: int) -> int:
    """How many of the first positions fit into this many segments."""
    if sum(segments) <= room:
        return len(segments)
    used = 0
    for count, cost in enumerate(segments):
        used += cost
        if used > room:
            return count
    return len(segments)


def positions_that_fit(positions: int, segments: bytes, room: int) -> int:
    """The first of these positions that fit; 0 when not even the first one does."""
    count = count_that_fit(segments, room)
    if count == len(segments):
        return positions
    return positions_of(places(positions)[:count]) if count else 0
