"""Fourth step of intake: what the account can pay goes on, the rest waits for a credit or is refused.

In: a part with price and segments, what was reserved for it, the tenant's setting. Out: the reserved positions go on,
under the lease they were drawn on; the others are held with reason `balance`, or rejected. Pure: the reservation itself
was asked for beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcome, Outcomes, Reject
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditFacts:
    """`granted`: positions whose price is reserved; `lease`: the allowance it was drawn on, if any."""

    granted: int
    lease: str | None
    reject_when_short: bool
    now: int


def decide(part: Selection, facts: CreditFacts) -> Outcomes:
    """Paid positions go on."""
    paid = part.positions & facts.granted
    short = part.positions & ~facts.granted
    outcomes: list[Outcome] = [Next(positions=paid, lease=facts.lease)] if paid else []
    if short:
        outcomes.append(Reject(positions=short, reason=Reason.INSUFFICIENT_BALANCE) if facts.reject_when_short
                        else Hold(positions=short, reason=Reason.BALANCE, until=facts.now))
    return tuple(outcomes)
