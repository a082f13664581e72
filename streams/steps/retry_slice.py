"""What becomes of positions that a carrier refused for the moment, and of those that dispatch gave back untried.

In: a slice (`rest` of a settled block, or what was returned), why, and when. Out: `Retry` after ten seconds and a bit
(the bit follows from chunk and send number, so a repeat names the same moment), or the end: too many attempts, or too old.
What the carrier throttled for its destination's sake counts no attempt; it comes again at the end of its validity at the
latest, when intake ends it as expired. What was given back ends as canceled or expired if that is why, and waits for room
otherwise. Pure.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import msgspec

from schemas.records.slice import ResumeAt, Slice
from schemas.values.reasons import Reason
from streams.outcome import Hold, Outcomes, Reject, Retry

MAX_ATTEMPTS = 5
RUNG_MS = 10_000
JITTER_MS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`positions` got this answer at `at` (milliseconds), after `attempts` tries before; the slice ends at `expires_at`."""

    positions: int
    chunk: str
    send: int
    attempts: int
    expires_at: int
    reason: Reason
    code: str | None
    at: int


def decide(answer: Answer) -> Outcomes:
    """Once more, or the end."""
    not_before = answer.at + RUNG_MS + jitter(answer.chunk, answer.send)
    if answer.reason is Reason.THROTTLED:
        return (Retry(positions=answer.positions, reason=answer.reason,
                      not_before=max(answer.at, min(not_before, answer.expires_at))),)
    if answer.attempts + 1 >= MAX_ATTEMPTS:
        return (Reject(positions=answer.positions, reason=Reason.ATTEMPTS_EXHAUSTED, code=answer.code),)
    if not_before >= answer.expires_at:
        return (Reject(positions=answer.positions, reason=Reason.TOO_OLD, code=answer.code),)
    return (Retry(positions=answer.positions, reason=answer.reason, not_before=not_before),)


def decide_returned(rest: Slice, reason: str, at: int) -> Outcomes:
    """What dispatch gave back: over, or waiting for room again; no attempt is counted."""
    if reason in (Reason.CANCELED, Reason.VALIDITY_ENDED):
        return (Reject(positions=rest.positions, reason=Reason(reason)),)
    return (Hold(positions=rest.positions, reason=Reason.ROOM, until=at),)


def next_try(rest: Slice, reason: Reason, at: int) -> Slice:
    """The slice under its next send number and a new reservation; it is routed and paid for anew."""
    return msgspec.structs.replace(
        rest, send=rest.send + 1, round=rest.round + 1, attempts=rest.attempts + (reason is not Reason.THROTTLED),
        holds=0, resume_at=ResumeAt.ROUTE, carrier=None, price=0, lease=None, first_failed_at=rest.first_failed_at or at)


def given_back(rest: Slice) -> Slice:
    """The slice under its next send number; reservation and carrier stay."""
    return msgspec.structs.replace(rest, send=rest.send + 1, holds=0, resume_at=ResumeAt.ROUTE)


def jitter(chunk: str, send: int) -> int:
    """0 to two seconds, the same on every repeat."""
    return zlib.crc32(f"{chunk}/{send}".encode()) % JITTER_MS
