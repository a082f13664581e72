"""What a step says of the positions it was given: every position exactly one outcome.

    Next         goes on; carries what the step found out (segments, carrier and price, lease)
    Hold         waits in the waiting room, for a reason, until a time
    Retry        goes to intake again under the next send number, not before a time
    DeadLetter   is buried for the operator
    Reject       is at its end, without or after a call of the carrier; with the reason `unlisted_part` or
                 `duplicate_send` it is a copy that never counted, and is dropped without a word

`check_cover` raises `CoverError` when a position has none or two: the runner buries such a slice instead of losing part
of it. Two outcomes of one step may be of the same kind, with other reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.values.reasons import Reason


class CoverError(RuntimeError):
    """A step forgot positions, named them twice, or named others than it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Goes on. `segments`: of exactly these positions. `price` per segment, `price_class` of its reservation; None leaves what is known."""

    positions: int
    segments: bytes | None = None
    carrier: str | None = None
    price: int | None = None
    price_class: int | None = None
    lease: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Waits until `until` (milliseconds) at least."""

    positions: int
    reason: Reason
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Goes round again, not before `not_before` (milliseconds)."""

    positions: int
    reason: Reason
    not_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Is buried; `detail` is for the operator."""

    positions: int
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Is at its end. `code`: the carrier's own, if a carrier said so."""

    positions: int
    reason: Reason
    code: str | None = None


Outcome = Next | Hold | Retry | DeadLetter | Reject
Outcomes = tuple[Outcome, ...]

DROPPED = frozenset({Reason.UNLISTED_PART, Reason.DUPLICATE_SEND})
"""Reasons under which a position is no message of ours: no event, no count, no charge."""


def check_cover(positions: int, outcomes: Iterable[Outcome]) -> None:
    """Raise CoverError unless the outcomes share out exactly these positions."""
    seen = 0
    for outcome in outcomes:
        if outcome.positions <= 0:
            raise CoverError(f"an outcome without positions: {outcome}")
        if seen & outcome.positions:
            raise CoverError(f"positions with two outcomes: {seen & outcome.positions:b}")
        seen |= outcome.positions
    if seen != positions:
        raise CoverError(f"positions without an outcome {positions & ~seen:b}, or not asked for {seen & ~positions:b}")
