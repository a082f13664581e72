"""Last step of intake: as much as the carrier has room for goes on, in order; the rest waits its turn.

In: a part with its segments, and the room granted to it (segments). Out: the first positions that fit go on, all others
are held with reason `room`. The order is that of the positions, so nothing overtakes within a slice. Pure: room was
asked for beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.values.positions import places, positions_of
from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcomes
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFacts:
    """`granted`: room at the carrier in segments; `now` in milliseconds."""

    granted: int
    now: int


def decide(part: Selection, facts: RoomFacts) -> Outcomes:
    """The positions that fit go on."""
    fitting = first_that_fit(part.segments, facts.granted)
    if fitting == len(part.segments):
        return (Next(positions=part.positions),)
    if fitting == 0:
        return (Hold(positions=part.positions, reason=Reason.ROOM, until=facts.now),)
    going = positions_of(places(part.positions)[:fitting])
    return (Next(positions=going),
            Hold(positions=part.positions & ~going, reason=Reason.ROOM, until=facts.now))


def first_that_fit(segments: bytes, room: int) -> int:
    """How many of the first positions fit into this many segments."""
    if sum(segments) <= room:
        return len(segments)
    used = 0
    for count, cost in enumerate(segments):
        used += cost
        if used > room:
            return count
    return len(segments)
