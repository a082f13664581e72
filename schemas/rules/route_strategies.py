"""How a route prefers its carriers, and what its lists must hold for that.

In: a strategy and the lists of a route. Out: what is wrong with them, in a sentence. Apart from the table of routes because
settings ask it: they are read before the compiled modules are in place, and whoever imports one of those by then runs the
sources of all (`infra/kernels/loader.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

MOST_WEIGHT = 1_000_000


class Strategy(StrEnum):
    """How a route prefers its carriers: in the order given, the one that costs us least first, or by weight, each chunk of
    messages anew."""

    ORDER = "order"
    CHEAPEST = "cheapest"
    WEIGHTED = "weighted"


def check_strategy(strategy: str, carriers: Sequence[str], costs: Sequence[object], weights: Sequence[int]) -> str | None:
    """What is wrong with a route's lists, with the mend; None when nothing is."""
    wanted = {Strategy.ORDER: (0, 0), Strategy.CHEAPEST: (len(carriers), 0), Strategy.WEIGHTED: (0, len(carriers))}
    if (len(costs), len(weights)) != wanted[Strategy(strategy)]:
        needs = {
            Strategy.ORDER: "neither costs nor weights",
            Strategy.CHEAPEST: "costs, one a carrier in their order, and no weights",
            Strategy.WEIGHTED: "weights, one a carrier in their order, and no costs",
        }
        return f"the strategy {strategy} has {needs[Strategy(strategy)]}"
    if weights and not (all(0 <= weight <= MOST_WEIGHT for weight in weights) and any(weights)):
        return f"weights are whole numbers from 0 to {MOST_WEIGHT}, at least one of them above 0"
    return None
