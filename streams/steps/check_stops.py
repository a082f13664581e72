"""Step of intake: has an operator stopped these messages?

In: a part with its carrier, and the emergency stops in force. Out: all positions go on, or all wait until the stop is
lifted. It comes before money and room, so that what is stopped takes neither. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.rules.stops import Stop, is_stopped
from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcomes
from streams.ports import IntakeBatch
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFacts:
    """The stops at `now` (milliseconds)."""

    stops: frozenset[Stop]
    now: int


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[StopFacts]:
    """The same for all."""
    return [StopFacts(stops=batch.config.stops, now=batch.now)] * len(parts)


def decide(part: Selection, facts: StopFacts) -> Outcomes:
    """One outcome for all positions."""
    if is_stopped(facts.stops, part.slice.tenant, part.slice.sender, part.carrier):
        return (Hold(positions=part.positions, reason=Reason.STOPPED, until=facts.now),)
    return (Next(positions=part.positions),)
