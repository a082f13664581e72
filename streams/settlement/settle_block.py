"""What a carrier's answers to one block mean for each of its positions, and what dispatch gave back means.

In: a settled block, and whether a newer owner has taken over this log of calls since it was written; or a slice that came
back untried. Out: verdicts (see `verdicts.py`). A block of an older owner never causes a retry: the new owner has called
these positions uncertain, and only "sent" or "failed" says more. What the carrier did not take (throttled) is still
dispatch's and is passed over, as a repeat is. Pure; an outcome that nobody knows is StepError.
"""

from __future__ import annotations

from schemas.records.slice import Slice
from schemas.records.wire import Settled, Verdict
from schemas.rules.message_end import ENDED_STATUS
from schemas.rules.retry import Refusal, next_try
from schemas.values.call_outcome import CallOutcome
from schemas.values.reasons import Reason
from streams.settlement.verdicts import (
    AnswerVerdict,
    Ended,
    PassedOver,
    PassesOn,
    Refused,
    ReturnVerdict,
    Taken,
    TakenInPart,
    TryAgain,
    Uncertain,
    UnlistedCode,
    WaitsAgain,
)

RESTING = frozenset({Reason.PAUSED, Reason.CLOSED_HOURS, Reason.STOPPED})
"""Why dispatch gives back what it could send; the others are that it cannot."""


class StepError(ValueError):
    """A record contradicts itself."""


def decide(block: Settled, *, outdated: bool) -> tuple[AnswerVerdict, ...]:
    """One verdict for every position of the block."""
    if len(block.to_hashes) not in (0, 8 * block.positions.bit_count()):
        raise StepError(f"the block of {block.chunk} has {len(block.to_hashes)} bytes of hashes")
    return tuple(_decide(block, answer, outdated) for answer in block.verdicts)


def _decide(block: Settled, answer: Verdict, outdated: bool) -> AnswerVerdict:
    positions = answer.positions
    match answer.outcome:
        case CallOutcome.SENT:
            return Taken(positions=positions)
        case CallOutcome.FAILED if answer.reason == Reason.CARRIER_UNKNOWN_ERROR:
            return UnlistedCode(positions=positions, code=answer.code or "")
        case CallOutcome.FAILED:
            return Refused(positions=positions, reason=Reason(answer.reason), code=answer.code)
        case CallOutcome.PARTIAL:
            return TakenInPart(positions=positions, code=answer.code)
        case CallOutcome.UNCERTAIN | CallOutcome.UNANSWERED:
            return Uncertain(positions=positions, reason=Reason(answer.reason))
        case CallOutcome.NOT_SUBMITTED:
            return PassedOver(positions=positions)
        case CallOutcome.TRANSIENT if outdated:
            return PassedOver(positions=positions)
        case CallOutcome.TRANSIENT:
            return _again_or_refused(block, answer)
        case unknown:
            raise StepError(f"the block of {block.chunk} has an outcome {unknown!r}")


def _again_or_refused(block: Settled, answer: Verdict) -> TryAgain | Refused:
    if block.rest is None or answer.positions & ~block.rest.positions:
        raise StepError(f"the block of {block.chunk} has positions to try again without their columns")
    reason = Reason(answer.reason)
    refusal = Refusal(reason, answer.code, block.attempts, block.at, block.rest.first_failed_at or block.at)
    again = next_try(block.chunk, block.send, refusal, expires_at=block.rest.expires_at, strategy=block.retry)
    if isinstance(again, Reason):
        return Refused(positions=answer.positions, reason=again, code=answer.code)
    return TryAgain(positions=answer.positions, reason=reason, next_try=again)


def accepted_segments(block: Settled) -> dict[int, int]:
    """Segments that the carrier took, by position, for those with outcome `partial`: one per id."""
    partial = 0
    named = 0
    for verdict in block.verdicts:
        partial |= verdict.positions if verdict.outcome == CallOutcome.PARTIAL else 0
        named |= verdict.positions if verdict.outcome in (CallOutcome.SENT, CallOutcome.PARTIAL) else 0
    if not partial:
        return {}
    ids = block.ids.split("\n")
    members = [p for p in range(block.size) if named >> p & 1]
    if len(ids) != len(members):
        raise StepError(f"the block of {block.chunk} has {len(ids)} ids for {len(members)} accepted messages")
    return {p: max(1, len(id_.split(","))) for p, id_ in zip(members, ids, strict=True) if partial >> p & 1}


def decide_returned(rest: Slice, reason: str, at: int) -> ReturnVerdict:
    """What dispatch gave back: over, waiting again, or for another carrier; no attempt is counted."""
    if reason in ENDED_STATUS:
        return Ended(positions=rest.positions, reason=Reason(reason))
    if reason == Reason.CARRIER_DOWN:
        return PassesOn(positions=rest.positions, reason=Reason.CARRIER_DOWN)
    return WaitsAgain(positions=rest.positions, reason=Reason(reason) if reason in RESTING else Reason.ROOM, not_before=at)
