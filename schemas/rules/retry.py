"""Once more or the end? For messages that a carrier refused for the moment; and the slice under which they go again.

In: why, how often they were tried, until when they are worth it. Out: the moment of the next try, ten seconds and a bit away
(the bit follows from chunk and send number, so a repeat names the same moment), or the reason why there is none: too many
attempts, or no time left. What the carrier throttled for its destination's sake counts no attempt; it comes again at the end
of its validity at the latest, when intake ends it as expired. Pure.
"""

from __future__ import annotations

import zlib

from msgspec.structs import replace

from schemas.records.slice import ResumeAt, Slice
from schemas.values.reasons import Reason

MAX_ATTEMPTS = 5
RUNG_MS = 10_000
JITTER_MS = 2_000


def next_try(chunk: str, send: int, *, attempts: int, expires_at: int, reason: Reason, at: int) -> int | Reason:
    """When to try again what was refused at `at` after `attempts` tries before, or why not (milliseconds)."""
    not_before = at + RUNG_MS + jitter(chunk, send)
    if reason is Reason.THROTTLED:
        return max(at, min(not_before, expires_at))
    if attempts + 1 >= MAX_ATTEMPTS:
        return Reason.ATTEMPTS_EXHAUSTED
    return Reason.TOO_OLD if not_before >= expires_at else not_before


def slice_to_retry(rest: Slice, reason: Reason, at: int) -> Slice:
    """The slice under its next send number and a new reservation; it is routed and paid for anew."""
    return replace(
        rest,
        send=rest.send + 1,
        round=rest.round + 1,
        attempts=rest.attempts + (reason is not Reason.THROTTLED),
        holds=0,
        resume_at=ResumeAt.ROUTE,
        carrier=None,
        price=0,
        lease=None,
        first_failed_at=rest.first_failed_at or at,
    )


def slice_given_back(rest: Slice) -> Slice:
    """The slice that no call was made for, under its next send number; reservation and carrier stay."""
    return replace(rest, send=rest.send + 1, holds=0, resume_at=ResumeAt.ROUTE)


def jitter(chunk: str, send: int) -> int:
    """0 to two seconds, the same on every repeat."""
    return zlib.crc32(f"{chunk}/{send}".encode()) % JITTER_MS
