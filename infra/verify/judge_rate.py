"""Judges the pace of each carrier: OVERRATE.

In: segments answered per carrier and second (from the log of calls), and the rates that were in force. Out: findings.
Approximate by nature, and careful: answers come in blocks, so a window may hold, besides its seconds' rate, one lease and
everything that can be in flight at its start (connections x window x the longest message that the carrier got). Beside ten
seconds a minute is looked at, where that allowance weighs less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from infra.verify.report import Findings

WINDOWS_SECONDS = (10, 60)
LEASE_SECONDS = 0.05


class RateRow(NamedTuple):
    """A carrier's rate from this second on."""

    carrier: str
    rate: float
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierSlack:
    """Messages that can be in flight at once."""

    binds: int
    window: int


def judge_rates(
    pace: Mapping[str, Mapping[int, int]],
    longest: Mapping[str, int],
    rates: Sequence[RateRow],
    slack: Mapping[str, CarrierSlack],
    findings: Findings,
) -> None:
    """Every window of every carrier that is known. `longest`: segments of a message, by carrier."""
    for carrier, seconds in pace.items():
        if carrier in slack:
            in_flight = slack[carrier].binds * slack[carrier].window * longest.get(carrier, 1)
            history = [row for row in rates if row.carrier == carrier]
            for window in WINDOWS_SECONDS:
                _judge(carrier, seconds, history, in_flight, window, findings)


def _judge(
    carrier: str, seconds: Mapping[int, int], history: Sequence[RateRow], in_flight: int, window: int, findings: Findings
) -> None:
    """Every window of this many seconds."""
    ordered = sorted(seconds)
    total, first = 0, 0
    for second in ordered:
        total += seconds[second]
        while ordered[first] <= second - window:
            total -= seconds[ordered[first]]
            first += 1
        rate = _highest(history, second - 2 * window, second + 1)
        if total > rate * (window + LEASE_SECONDS) + 1 + in_flight:
            findings.report(
                "OVERRATE",
                f"more than {rate} segments a second over {window} s",
                [f"{carrier} at {second} ({total} in {window} s)"],
            )


def _highest(history: Sequence[RateRow], start: float, end: float) -> float:
    """The highest rate in force at any time in between."""
    before = [row for row in history if row.since <= start]
    within = [row.rate for row in history if start < row.since <= end]
    if not before and not within:  # older than what is known of it
        return max((row.rate for row in history), default=0)
    current = max(before, key=lambda row: row.since).rate if before else 0
    return max([current, *within])
