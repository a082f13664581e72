"""Step of intake: what the account can pay goes on, the rest waits for a credit or is refused.

In: a part with price and segments, what was reserved for it, the tenant's setting. Out: the reserved positions go on,
under the lease they were drawn on; the others are held with reason `balance`, or rejected. `decide` is pure:
`ask` has reserved beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcome, Outcomes, Reject
from streams.ports import CreditAsk, CreditGrant, IntakeBatch
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditFacts:
    """`granted`: positions whose price is reserved; `lease`: the allowance it was drawn on, if any."""

    granted: int
    lease: str | None
    reject_when_short: bool
    now: int


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[CreditFacts]:
    """What is reserved for each part; what is free needs nothing."""
    asks = {n: _credit_ask(part) for n, part in enumerate(parts) if part.price}
    grants = dict(zip(asks, await batch.credit.reserve(list(asks.values())), strict=True)) if asks else {}
    return [_facts(part, grants.get(n), batch) for n, part in enumerate(parts)]


def _credit_ask(part: Selection) -> CreditAsk:
    s = part.slice
    return CreditAsk(
        tenant=s.tenant,
        campaign=s.campaign,
        chunk=s.chunk,
        round=s.round,
        price_class=part.price_class,
        size=s.size,
        lane=s.lane,
        price=part.price,
        positions=part.positions,
        segments=part.segments,
    )


def _facts(part: Selection, grant: CreditGrant | None, batch: IntakeBatch) -> CreditFacts:
    tenant = batch.config.tenants.get(part.slice.tenant)
    return CreditFacts(
        granted=part.positions if grant is None else grant.positions,
        lease=None if grant is None else grant.lease,
        reject_when_short=tenant is not None and tenant.balance_short == "reject",
        now=batch.now,
    )


def decide(part: Selection, facts: CreditFacts) -> Outcomes:
    """Paid positions go on."""
    paid = part.positions & facts.granted
    short = part.positions & ~facts.granted
    outcomes: list[Outcome] = [Next(positions=paid, lease=facts.lease)] if paid else []
    if short:
        outcomes.append(
            Reject(positions=short, reason=Reason.INSUFFICIENT_BALANCE)
            if facts.reject_when_short
            else Hold(positions=short, reason=Reason.BALANCE, until=facts.now)
        )
    return tuple(outcomes)
