"""Judges the pace of each carrier: OVERRATE.

In: segments answered per carrier and second (from the log of calls), and the rates that were in force. Out: findings.
Approximate by nature, and careful: answers come in blocks, so a window of ten seconds may hold, besides its ten seconds'
rate, one lease and everything that can be in flight at its start (connections x window x the longest message).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from infra.ops.ledger.report import Findings

WINDOW_SECONDS = 10
LEASE_SECONDS = 0.05
LONGEST_MESSAGE = 10
"""Segments of a long message; only the slack depends on it."""


class RateRow(NamedTuple):
    """A carrier's rate from this second on."""

    carrier: str
    rate: int
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierSlack:
    """Messages that can be in flight at once."""

    binds: int
    window: int


def judge_rates(pace: Mapping[str, Mapping[int, int]], rates: Sequence[RateRow], slack: Mapping[str, CarrierSlack],
                findings: Findings) -> None:
    """Every window of every carrier that is known."""
    for carrier, seconds in pace.items():
        if carrier not in slack:
            continue
        in_flight = slack[carrier].binds * slack[carrier].window * LONGEST_MESSAGE
        history = [row for row in rates if row.carrier == carrier]
        ordered = sorted(seconds)
        total, first = 0, 0
        for last, second in enumerate(ordered):
            total += seconds[second]
            while ordered[first] <= second - WINDOW_SECONDS:
                total -= seconds[ordered[first]]
                first += 1
            rate = _highest(history, second - 2 * WINDOW_SECONDS, second + 1)
            most = rate * (WINDOW_SECONDS + LEASE_SECONDS) + 1 + in_flight
            if last >= first and total > most:
                findings.add("OVERRATE", f"more than {rate} segments a second over {WINDOW_SECONDS} s",
                             [f"{carrier} at {second} ({total} in {WINDOW_SECONDS} s)"])


def _highest(history: Sequence[RateRow], start: float, end: float) -> int:
    """The highest rate in force at any time in between."""
    before = [row for row in history if row.since <= start]
    within = [row.rate for row in history if start < row.since <= end]
    current = max(before, key=lambda row: row.since).rate if before else 0
    return max([current, *within], default=0) or max((row.rate for row in history), default=0)
