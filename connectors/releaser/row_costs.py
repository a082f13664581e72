"""How many segments of each row are asked for at a carrier: as far as its tenant's share and its profile's budget reach.

In: rows with their slices, in their order; shares, budgets, the room. Out: segments, row by row. Pure; a row that does not
tell its segments raises `RecordError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.releaser.asked_room import Able
from connectors.releaser.profile_budgets import Budget
from connectors.releaser.rows import HeldRow
from schemas.records.slice import RecordError, Slice


def costs(able: Sequence[Able], shares: dict[str, int], budget: Budget) -> list[int]:
    """Segments to ask for, row by row: as far as the tenant's share and the profile's budget reach, and one message at least
    of each tenant, which a budget that is not used up may exceed. Rows without segments that may go take no part."""
    left, under, first, costs = dict(shares), dict(budget.segments), set(shares), list[int]()
    for row, slice_, _, segments in able:
        if not segments:
            costs.append(0)
            continue
        bound = under.get(slice_.profile or "", sum(segments))
        cost = min(sum(segments), left[row.tenant], bound)
        if row.tenant in first and bound > 0:
            cost = max(cost, segments[0])
            first.discard(row.tenant)
        elif cost < segments[0]:
            cost = 0
        costs.append(cost)
        left[row.tenant] = max(0, left[row.tenant] - cost) if cost else left[row.tenant] if slice_.profile in under else 0
        if slice_.profile in under:
            under[slice_.profile] -= cost
    return costs


def within(free: int, costs: list[int]) -> list[int]:
    grants = []
    for cost in costs:
        grants.append(min(cost, free))
        free -= grants[-1]
    return grants


def counted(pair: tuple[HeldRow, Slice]) -> tuple[HeldRow, Slice]:
    """Room is given for segments: a row that does not tell them cannot ask for any."""
    if not pair[1].segments:
        raise RecordError("segments: none, of a row that waits for room")
    return pair
