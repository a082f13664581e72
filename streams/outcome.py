"""What a step of intake says of the positions it was given: every position exactly one outcome.

    Next         goes on; carries what the step found out (segments, carrier and price, lease)
    Hold         waits in the waiting room, for a reason, until a time
    Reject       is at its end; with a reason of `DROPPED` it is a copy that never counted, and goes without a word

Two outcomes of one step may be of the same kind, with other reasons. What carriers say later has verdicts of its own, in
`settlement/verdicts.py` and `receipts/verdicts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.values.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Goes on. `segments`: of exactly these positions. `carriers`: those that may take it, the preferred one first. `price`
    per segment, `price_class` of its reservation; `due_at`: from when on its validity runs, `closes_at`: when its hours are
    over (milliseconds). None leaves what is known."""

    positions: int
    segments: bytes | None = None
    carrier: str | None = None
    carriers: tuple[str, ...] = ()
    price: int | None = None
    price_class: int | None = None
    lease: str | None = None
    due_at: int | None = None
    closes_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Waits until `until` (milliseconds) at least."""

    positions: int
    reason: Reason
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Is at its end, before any call."""

    positions: int
    reason: Reason


Stopped = Hold | Reject
Outcome = Next | Stopped
Outcomes = tuple[Outcome, ...]

DROPPED = frozenset({Reason.UNLISTED_PART})
"""Reasons under which a position is no message of ours: no event, no count, no charge."""
