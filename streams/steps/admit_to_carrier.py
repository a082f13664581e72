"""Step of intake: as much as the carrier has room for goes on, in order; the rest waits its turn.

In: a part with its segments, and the room granted to it (segments). Out: the first positions that fit go on, all others are
held with reason `room`, or `carrier_stopped` where the carrier's rate is 0; none goes on while the lane changes hands
there. What is sent under a profile with a share of the rate always waits, with reason `share`: the releaser alone counts
what such a profile uses. Where senders or networks have rates of their own, only those positions ask that have room there
too: what waits for a narrow bucket does not fill the carrier. The order is that of the positions, so nothing overtakes
within a slice, except what is bounded otherwise. `decide` is pure: `ask` has asked for room beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.rules.capacity import positions_that_fit
from schemas.rules.narrow_rates import NarrowRates, Share, positions_granted, shares_of
from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcomes
from streams.ports import CapacityAsk, IntakeBatch
from streams.selection import Selection, numbers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityFacts:
    """`granted`: room at the carrier in segments; `able`: the positions for which senders and networks have room; `stopped`:
    the carrier has no rate; `limited`: its profile has a share; `now` in milliseconds."""

    granted: int
    stopped: bool
    now: int
    limited: bool = False
    able: int = -1


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[CapacityFacts]:
    """Room for each part, in segments; what is over goes on to be struck out or given back, and takes none."""
    limited = {n for n, part in enumerate(parts) if part.ending is None and _is_limited(part, batch)}
    carriers = batch.config.carriers
    free = {n: part for n, part in enumerate(parts) if part.ending is None and n not in limited}
    able = await _with_narrow_room(free, batch)
    asking = {n: part.cut(part.positions & able.get(n, -1)) for n, part in free.items()}
    asks = {n: _capacity_ask(part, batch) for n, part in asking.items() if part.positions}
    granted = dict.fromkeys(asking, 0) | dict(zip(asks, await batch.capacity.ask(list(asks.values())), strict=True))
    return [
        CapacityFacts(
            granted=0 if n in limited else granted.get(n, part.total_segments),
            stopped=carriers[part.carrier or ""].rate <= 0,
            now=batch.now,
            limited=n in limited,
            able=able.get(n, -1),
        )
        for n, part in enumerate(parts)
    ]


def _is_limited(part: Selection, batch: IntakeBatch) -> bool:
    profile = part.slice.profile
    return (
        profile is not None and profile in batch.config.profiles and batch.config.profiles[profile].limits(part.slice.lane)
    )


async def _with_narrow_room(parts: Mapping[int, Selection], batch: IntakeBatch) -> dict[int, int]:
    """The positions of parts at carriers with such rates for which every bucket has room."""
    shares = {n: _shares(part, batch) for n, part in parts.items() if _narrow(part, batch)}
    asked = [(n, share) for n, found in shares.items() for share in found]
    if not asked:
        return {}
    asks = [
        replace(_capacity_ask(parts[n].cut(share.positions), batch), rate=share.bucket.rate, bucket=share.bucket.name)
        for n, share in asked
    ]
    able = {n: parts[n].positions for n in shares}
    for (n, share), granted in zip(asked, await batch.capacity.ask(asks), strict=True):
        able[n] = positions_granted(able[n], [(share, granted)])
    return able


def _narrow(part: Selection, batch: IntakeBatch) -> NarrowRates:
    return batch.config.carriers[part.carrier or ""].narrow


def _shares(part: Selection, batch: IntakeBatch) -> list[Share]:
    rates = _narrow(part, batch)
    numbers = numbers_of(part, batch.open(part.slice)) if rates.networks else range(len(part.segments))
    return shares_of(rates, part.slice.sender, numbers, part.positions, part.segments)


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
    able = part.cut(part.positions & facts.able)
    going = positions_that_fit(able.positions, able.segments, facts.granted)
    waiting = part.positions & ~going
    outcomes: Outcomes = (Next(positions=going),) if going else ()
    reason = Reason.CARRIER_STOPPED if facts.stopped else Reason.SHARE if facts.limited else Reason.ROOM
    return (*outcomes, Hold(positions=waiting, reason=reason, until=facts.now)) if waiting else outcomes
