"""Once more or the end? For messages that a carrier refused for the moment; and the slice under which they go again.

In: why, how often they were tried, until when they are worth it, the strategy that was in force (it stands in the log of
calls beside the answer, so a repeat decides alike, whatever was changed meanwhile). Out: the moment of the next try and
where they wait for it (a rung of the ladder, or the waiting room), or the reason why there is none: not wanted, too many
attempts, no time left. The first refusal waits on the first rung, the second on the second, and so on; where the validity
ends sooner than that, the longest shorter rung that still leaves time is taken, so a code that is worth two minutes is tried
more than twice. A bit is added that follows from chunk and send number, so a repeat names the same moment. What the carrier
throttled for its destination's sake counts no attempt and stays on the shortest rung of all; it comes again at the end of
its validity at the latest, when intake ends it as expired. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from schemas.records.slice import ResumeAt, Slice
from schemas.values.reasons import Reason
from schemas.values.retry_strategy import STEPS, UNSAID, WAITING_ROOM, RetryStrategy
from schemas.values.rungs import Rung

MAX_ATTEMPTS = 5
LADDER: tuple[str, ...] = STEPS
"""Where no strategy says otherwise."""
_WAITS: dict[str, Rung | None] = {**{str(rung): rung for rung in Rung}, WAITING_ROOM: None}
LONG_WAIT_MS = 3_600_000
LONG_JITTER_MS = 60_000
"""Of what waits in the waiting room, after the last rung."""


class NextTry(NamedTuple):
    """Not before then (milliseconds), and waiting there; `rung` None: in the waiting room."""

    not_before: int
    rung: Rung | None


class Refusal(NamedTuple):
    """That a carrier refused at `at` after `attempts` tries before, the first time at `first_at` (milliseconds)."""

    reason: Reason
    code: str | None
    attempts: int
    at: int
    first_at: int


def next_try(
    chunk: str, send: int, refusal: Refusal, *, expires_at: int, strategy: RetryStrategy | None = None
) -> NextTry | Reason:
    """When and where to try again what was refused, or why not."""
    strategy, at = strategy or UNSAID, refusal.at
    if not strategy.wants(refusal.reason, refusal.code):
        return Reason.NOT_RETRIED
    age = strategy.max_age_seconds
    ends_at = expires_at if age is None else min(expires_at, refusal.first_at + 1000 * age)
    if refusal.reason is Reason.THROTTLED:
        moment = _moment(chunk, send, Rung.TEN_SECONDS, at)
        if moment >= ends_at and ends_at < expires_at:
            return Reason.TOO_OLD
        return NextTry(max(at, min(moment, expires_at)), Rung.TEN_SECONDS)
    if refusal.attempts + 1 >= (strategy.attempts or MAX_ATTEMPTS):
        return Reason.ATTEMPTS_EXHAUSTED
    for rung in _longest_first(refusal.attempts, strategy.ladder or LADDER):
        moment = _moment(chunk, send, rung, at)
        if moment < ends_at:
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


def _longest_first(attempts: int, ladder: Sequence[str]) -> list[Rung | None]:
    """Where a message may wait after so many attempts before this one, the place that is due first."""
    return [_WAITS[step] for step in reversed(ladder[: attempts + 1])]


def _moment(chunk: str, send: int, rung: Rung | None, at: int) -> int:
    wait, most = (LONG_WAIT_MS, LONG_JITTER_MS) if rung is None else (rung.wait_ms, rung.jitter_ms)
    return at + wait + jitter(chunk, send, most)
