"""What was to end at intake, and stands with a carrier already, goes on: a repeat must not end what a first run gave away.

In: a part that was to end, why, and the carriers that were assigned to positions of its send. Out: the end for positions
that stand nowhere; `Next` with the carrier assigned first for the others, which dispatch strikes out or gives back; for
want of credit they are held, since nothing may leave unpaid. Asked only for reasons that may not have held at the first
run: a bad destination was bad then too. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcome, Outcomes, Reject
from streams.ports import IntakeBatch
from streams.selection import Selection

CHANGING = frozenset(
    {Reason.CANCELED, Reason.VALIDITY_ENDED, Reason.NO_ROUTE, Reason.INSUFFICIENT_BALANCE, Reason.CAP_REACHED}
)
"""Ends that depend on time, on the campaign, on routes, on the balance or on caps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFacts:
    """Why the part was to end at `now` (milliseconds); `carriers`: positions by the carrier assigned to them."""

    reason: Reason
    carriers: Mapping[str, int]
    now: int


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[KeepFacts]:
    """The carriers that a first run gave to the sends of these parts; each part says why it is `ending`."""
    sends = list(dict.fromkeys(part.send[1:] for part in parts))
    assigned = dict(zip(sends, await batch.capacity.already_assigned(sends), strict=True)) if sends else {}
    return [
        KeepFacts(
            reason=part.ending or Reason.NONE,
            now=batch.now,
            carriers={
                carrier: positions for carrier, positions in assigned[part.send[1:]].items() if batch.routes.knows(carrier)
            },
        )
        for part in parts
    ]


def decide(part: Selection, facts: KeepFacts) -> Outcomes:
    """The end, or on to the carrier."""
    shares = [(carrier, part.positions & positions) for carrier, positions in sorted(facts.carriers.items())]
    outcomes: list[Outcome] = [
        Hold(positions=positions, reason=Reason.BALANCE, until=facts.now)
        if facts.reason in (Reason.INSUFFICIENT_BALANCE, Reason.CAP_REACHED)
        else Next(positions=positions, carrier=carrier)
        for carrier, positions in shares
        if positions
    ]
    left = part.positions & ~sum(positions for _, positions in shares)
    return (*outcomes, Reject(positions=left, reason=facts.reason)) if left else tuple(outcomes)
