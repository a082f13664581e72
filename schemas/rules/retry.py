"""Once more or the end? For messages that a carrier refused for the moment; and the slice under which they go again.

In: why, how often they were tried, until when they are worth it. Out: the moment of the next try and where they wait for it
(a rung of the ladder, or the waiting room), or the reason why there is none: too many attempts, or no time left. The
first refusal waits on the first rung, the second on the second, and so on; where the validity ends sooner than that, the
longest shorter rung that still leaves time is taken, so a code that is worth two minutes is tried more than twice. A bit is
added that follows from chunk and send number, so a repeat names the same moment. What the carrier throttled for its
destination's sake counts no attempt and stays on the shortest rung; it comes again at the end of its validity at the latest,
when intake ends it as expired. Pure.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from msgspec.structs import replace

from schemas.records.slice import ResumeAt, Slice
from schemas.values.reasons import Reason
from schemas.values.rungs import Rung

MAX_ATTEMPTS = 5
LADDER = tuple(Rung)
LONG_WAIT_MS = 3_600_000
LONG_JITTER_MS = 60_000
"""Of what waits in the waiting room, after the last rung."""


class NextTry(NamedTuple):
    """Not before then (milliseconds), and waiting there; `rung` None: in the waiting room."""

    not_before: int
    rung: Rung | None


def next_try(chunk: str, send: int, *, attempts: int, expires_at: int, reason: Reason, at: int) -> NextTry | Reason:
    """When and where to try again what was refused at `at` after `attempts` tries before, or why not."""
    if reason is Reason.THROTTLED:
        moment = _moment(chunk, send, LADDER[0], at)
        return NextTry(max(at, min(moment, expires_at)), LADDER[0])
    if attempts + 1 >= MAX_ATTEMPTS:
        return Reason.ATTEMPTS_EXHAUSTED
    for rung in _longest_first(attempts):
        moment = _moment(chunk, send, rung, at)
        if moment < expires_at:
            return NextTry(moment, rung)
    return Reason.TOO_OLD


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


def jitter(chunk: str, send: int, most: int) -> int:
    """0 to `most` milliseconds, less one; the same on every repeat."""
    return zlib.crc32(f"{chunk}/{send}".encode()) % most


def _longest_first(attempts: int) -> tuple[Rung | None, ...]:
    """Where a message may wait after so many attempts before this one, the place that is due first."""
    steps: tuple[Rung | None, ...] = (*LADDER, None)
    return steps[attempts::-1] if attempts < len(steps) else steps[::-1]


def _moment(chunk: str, send: int, rung: Rung | None, at: int) -> int:
    wait, most = (LONG_WAIT_MS, LONG_JITTER_MS) if rung is None else (rung.wait_ms, rung.jitter_ms)
    return at + wait + jitter(chunk, send, most)
