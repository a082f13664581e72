"""Step of intake: as much as the carrier has room for goes on, in order; the rest waits its turn.

In: a part with its segments, and the room granted to it (segments). Out: the first positions that fit go on, all others
are held with reason `room`, or `carrier_stopped` where the carrier's rate is 0. The order is that of the positions, so
nothing overtakes within a slice. `decide` is pure: `ask` has asked for room beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.rules.capacity import positions_that_fit
from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcomes
from streams.ports import CapacityAsk, IntakeBatch
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityFacts:
    """`granted`: room at the carrier in segments; `stopped`: it has no rate; `now` in milliseconds."""

    granted: int
    stopped: bool
    now: int


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[CapacityFacts]:
    """Room for each part, in segments; what is over goes on to be struck out or given back, and takes none."""
    asks = {n: _capacity_ask(part, batch) for n, part in enumerate(parts) if part.ending is None}
    granted = dict(zip(asks, await batch.capacity.ask(list(asks.values())), strict=True))
    carriers = batch.config.carriers
    return [
        CapacityFacts(
            granted=granted.get(n, part.total_segments), stopped=carriers[part.carrier or ""].rate <= 0, now=batch.now
        )
        for n, part in enumerate(parts)
    ]


def _capacity_ask(part: Selection, batch: IntakeBatch) -> CapacityAsk:
    carrier, s = part.carrier or "", part.slice
    return CapacityAsk(
        carrier=carrier,
        lane=s.lane,
        chunk=s.chunk,
        send=s.send,
        cost=part.total_segments,
        least=part.segments[0],
        rate=batch.config.carriers[carrier].rate,
    )


def decide(part: Selection, facts: CapacityFacts) -> Outcomes:
    """The positions that fit go on."""
    going = positions_that_fit(part.positions, part.segments, facts.granted)
    waiting = part.positions & ~going
    outcomes: Outcomes = (Next(positions=going),) if going else ()
    reason = Reason.CARRIER_STOPPED if facts.stopped else Reason.ROOM
    return (*outcomes, Hold(positions=waiting, reason=reason, until=facts.now)) if waiting else outcomes
