"""Step of intake: what the account can pay and the tenant's caps allow goes on, the rest waits or is refused.

In: a part with price and segments, what was reserved for it, the tenant's settings. Out: the reserved positions go on,
under the lease they were drawn on; those above a cap are held until its next period with reason `cap`, what cannot be paid
with reason `balance` until there is a credit, or either is rejected, as the tenant has it. `decide` is pure: `ask` has
reserved beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.rules.caps import CapReached, Caps
from schemas.values.reasons import Reason
from streams.outcome import Hold, Next, Outcome, Outcomes, Reject
from streams.ports import CreditAsk, CreditGrant, IntakeBatch
from streams.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditFacts:
    """`granted`: positions whose price is reserved; `lease`: the allowance it was drawn on, if any; `capped`: positions
    above a cap until `capped_until` (ms)."""

    granted: int
    lease: str | None
    capped: int = 0
    capped_until: int = 0
    reject_when_capped: bool = False
    reject_when_short: bool
    now: int


async def ask(parts: Sequence[Selection], batch: IntakeBatch) -> list[CreditFacts]:
    """What is reserved for each part; what is free needs nothing, but is counted where there are caps."""
    caps = {tenant: of.caps for tenant in {part.slice.tenant for part in parts} if (of := batch.config.tenants.get(tenant))}
    asks = {
        n: _credit_ask(part, caps.get(part.slice.tenant))
        for n, part in enumerate(parts)
        if part.price or caps.get(part.slice.tenant)
    }
    grants = dict(zip(asks, await batch.credit.reserve(list(asks.values())), strict=True)) if asks else {}
    return [_facts(part, grants.get(n), batch) for n, part in enumerate(parts)]


def _credit_ask(part: Selection, caps: Caps | None) -> CreditAsk:
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
        caps=caps,
    )


def _facts(part: Selection, grant: CreditGrant | None, batch: IntakeBatch) -> CreditFacts:
    tenant = batch.config.tenants.get(part.slice.tenant)
    return CreditFacts(
        granted=part.positions if grant is None else grant.positions,
        lease=None if grant is None else grant.lease,
        capped=0 if grant is None else grant.capped,
        capped_until=0 if grant is None else grant.capped_until,
        reject_when_capped=tenant is not None and tenant.caps is not None and tenant.caps.reached is CapReached.REJECT,
        reject_when_short=tenant is not None and tenant.balance_short == "reject",
        now=batch.now,
    )


def decide(part: Selection, facts: CreditFacts) -> Outcomes:
    """Paid positions go on."""
    paid = part.positions & facts.granted
    capped = part.positions & facts.capped
    short = part.positions & ~facts.granted & ~capped
    outcomes: list[Outcome] = [Next(positions=paid, lease=facts.lease)] if paid else []
    if short:
        outcomes.append(
            Reject(positions=short, reason=Reason.INSUFFICIENT_BALANCE)
            if facts.reject_when_short
            else Hold(positions=short, reason=Reason.BALANCE, until=facts.now)
        )
    if capped:
        outcomes.append(
            Reject(positions=capped, reason=Reason.CAP_REACHED)
            if facts.reject_when_capped
            else Hold(positions=capped, reason=Reason.CAP, until=facts.capped_until)
        )
    return tuple(outcomes)
