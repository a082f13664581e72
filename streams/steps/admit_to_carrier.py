"""Step of intake: as much as the carrier has room for goes on, in order; the rest waits its turn.

In: a part with its segments, and the room granted to it (segments). Out: the first positions that fit go on, all others are
held with reason `room`, or `carrier_stopped` where the carrier's rate is 0; none goes on while the lane changes hands there.
What is sent under a profile with a share of the
rate always waits, with reason `share`: the releaser alone counts what such a profile uses. The order is that of the
positions, so nothing overtakes within a slice. `decide` is pure: `ask` has asked for room beforehand.
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
    """`granted`: room at the carrier in segments; `stopped`: it has no rate; `limited`: its profile has a share; `now` in
    milliseconds."""

    granted: int
    stopped: bool
    now: int
    limited: bool = False


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[CapacityFacts]:
    """Room for each part, in segments; what is over goes on to be struck out or given back, and takes none."""
    limited = {n for n, part in enumerate(parts) if part.ending is None and _is_limited(part, batch)}
    asks = {n: _capacity_ask(part, batch) for n, part in enumerate(parts) if part.ending is None and n not in limited}
    granted = dict(zip(asks, await batch.capacity.ask(list(asks.values())), strict=True))
    carriers = batch.config.carriers
    return [
        CapacityFacts(
            granted=0 if n in limited else granted.get(n, part.total_segments),
            stopped=carriers[part.carrier or ""].rate <= 0,
            now=batch.now,
            limited=n in limited,
        )
        for n, part in enumerate(parts)
    ]


def _is_limited(part: Selection, batch: IntakeBatch) -> bool:
    profile = part.slice.profile
    return (
        profile is not None and profile in batch.config.profiles and batch.config.profiles[profile].limits(part.slice.lane)
    )


def _capacity_ask(part: Selection, batch: IntakeBatch) -> CapacityAsk:
    carrier, s = part.carrier or "", part.slice
    return CapacityAsk(
        carrier=carrier,
        lane=s.lane,
        chunk=s.chunk,
        send=s.send,
        cost=part.total_segments,
        least=part.segments[0],
        rate=batch.config.carriers[carrier].room_rate(s.lane),
    )


def decide(part: Selection, facts: CapacityFacts) -> Outcomes:
    """The positions that fit go on."""
    going = positions_that_fit(part.positions, part.segments, facts.granted)
    waiting = part.positions & ~going
    outcomes: Outcomes = (Next(positions=going),) if going else ()
    reason = Reason.CARRIER_STOPPED if facts.stopped else Reason.SHARE if facts.limited else Reason.ROOM
    return (*outcomes, Hold(positions=waiting, reason=reason, until=facts.now)) if waiting else outcomes
