"""What settlement concludes from the log of calls: every position of a record exactly one verdict.

About a block that was settled:

    Taken          the carrier has it: charged
    TakenInPart    it has some of its segments and refused another for good: failed, charged for what it has
    Refused        for good, or for the moment once too often: failed, the money back
    UnlistedCode   refused with a code that no table lists: as refused, and kept for the operator besides
    Uncertain      nobody knows; a receipt may tell: the money stays reserved
    TryAgain       refused for the moment: the next send, paid for anew
    PassedOver     dispatch still has it, or a newer owner does: nothing is written

About what dispatch gave back without a call:

    WaitsAgain     in the waiting room, under the next send number and the same reservation
    PassesOn       back to intake, which finds it another carrier, under the next send number and the same reservation
    Ended           canceled or expired
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.rules.retry import NextTry
from schemas.values.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The carrier has the whole message."""

    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenInPart:
    """The carrier has some segments only."""

    positions: int
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The carrier will not have it. `code`: the carrier's own."""

    positions: int
    reason: Reason
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlistedCode:
    """The carrier refused it, and we do not know what its code means."""

    positions: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """The carrier may have it; `reason`: why nobody knows."""

    positions: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TryAgain:
    """When, and where it waits until then."""

    positions: int
    reason: Reason
    next_try: NextTry


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Says nothing that settlement has to write."""

    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitsAgain:
    """Until `not_before` (milliseconds) at least; for room, or because its campaign rests or its hours are over."""

    positions: int
    reason: Reason
    not_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassesOn:
    """Its carrier takes nothing, another one of its route does."""

    positions: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Was given back because its time is over."""

    positions: int
    reason: Reason


AnswerVerdict = Taken | TakenInPart | Refused | UnlistedCode | Uncertain | TryAgain | PassedOver
ReturnVerdict = WaitsAgain | PassesOn | Ended
