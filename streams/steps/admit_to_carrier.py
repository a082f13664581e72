"""Last step of intake: as much as the carrier has room for goes on, in order; the rest waits its turn.

In: a part with its segments, and the room granted to it (segments). Out: the first positions that fit go on, all others
are held with reason `room`. The order is that of the positions, so nothing overtakes within a slice. Pure: room was
asked for beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.rules.capacity import positions_that_fit
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
    going = positions_that_fit(part.positions, part.segments, facts.granted)
    waiting = part.positions & ~going
    outcomes: Outcomes = (Next(positions=going),) if going else ()
    return (*outcomes, Hold(positions=waiting, reason=Reason.ROOM, until=facts.now)) if waiting else outcomes
