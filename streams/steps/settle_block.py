"""What a carrier's answers to one block mean for each of its positions.

In: a settled block, and whether a newer owner has taken over this log of calls since it was written. Out: `Next` what the
carrier took; `Reject` what it refused for good, or took in part; `DeadLetter` what it refused with a code that no table
lists (`detail`: the code); `Hold` what is uncertain (a receipt may settle it); `Retry`, or the end, for what it refused for
the moment. A block of an older owner never causes a retry: the new owner has
called these positions uncertain, and only "sent" or "failed" says more. What the carrier did not take (throttled) is still
dispatch's and is passed over, as a repeat is: no state, no money, no further send. Pure; an outcome that nobody knows is
StepError.
"""

from __future__ import annotations

from schemas.records.wire import Settled, Verdict
from schemas.values.reasons import Reason
from streams.outcome import DeadLetter, Hold, Next, Outcome, Outcomes, Reject
from streams.steps.retry_slice import Answer
from streams.steps.retry_slice import decide as retry_or_end


class StepError(ValueError):
    """A record contradicts itself."""


def decide(block: Settled, *, outdated: bool) -> Outcomes:
    """One outcome for every position of the block."""
    if len(block.to_hashes) not in (0, 8 * block.positions.bit_count()):
        raise StepError(f"the block of {block.chunk} has {len(block.to_hashes)} bytes of hashes")
    out: list[Outcome] = []
    for verdict in block.verdicts:
        match verdict.outcome:
            case "sent":
                out.append(Next(positions=verdict.positions))
            case "failed" if verdict.reason == Reason.CARRIER_UNKNOWN_ERROR:
                out.append(DeadLetter(positions=verdict.positions, reason=Reason.CARRIER_UNKNOWN_ERROR,
                                      detail=verdict.code or ""))
            case "failed":
                out.append(Reject(positions=verdict.positions, reason=Reason(verdict.reason), code=verdict.code))
            case "partial":
                out.append(Reject(positions=verdict.positions, reason=Reason.PARTIAL, code=verdict.code))
            case "uncertain" | "unanswered":
                out.append(Hold(positions=verdict.positions, reason=Reason(verdict.reason), until=block.at))
            case "not_submitted":
                out.append(Reject(positions=verdict.positions, reason=Reason.DUPLICATE_SEND))
            case "transient" if outdated:
                out.append(Reject(positions=verdict.positions, reason=Reason.DUPLICATE_SEND))
            case "transient":
                out += retry_or_end(_answer(block, verdict))
            case unknown:
                raise StepError(f"the block of {block.chunk} has an outcome {unknown!r}")
    return tuple(out)


def accepted_segments(block: Settled) -> dict[int, int]:
    """Segments that the carrier took, by position, for those with outcome `partial`: one per id."""
    partial = 0
    named = 0
    for verdict in block.verdicts:
        partial |= verdict.positions if verdict.outcome == "partial" else 0
        named |= verdict.positions if verdict.outcome in ("sent", "partial") else 0
    if not partial:
        return {}
    ids = block.ids.split("\n")
    members = [p for p in range(block.size) if named >> p & 1]
    if len(ids) != len(members):
        raise StepError(f"the block of {block.chunk} has {len(ids)} ids for {len(members)} accepted messages")
    return {p: max(1, len(id_.split(","))) for p, id_ in zip(members, ids, strict=True) if partial >> p & 1}


def _answer(block: Settled, verdict: Verdict) -> Answer:
    if block.rest is None or verdict.positions & ~block.rest.positions:
        raise StepError(f"the block of {block.chunk} has positions to try again without their columns")
    return Answer(positions=verdict.positions, chunk=block.chunk, send=block.send, attempts=block.attempts,
                  expires_at=block.rest.expires_at, reason=Reason(verdict.reason), code=verdict.code, at=block.at)
