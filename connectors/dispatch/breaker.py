"""The breaker of one carrier: whether anything may be started there.

In: whether the carrier is connected, looked at several times a second; what became of calls; the time (monotonic seconds).
Out: the state, and the last fault. Pure.

    closed ──► open      no connection for `LOST_SECONDS` (`FIRST_SECONDS` after the start), `UNANSWERED` calls in a row
                         without an answer, or more than half of the calls of `RATIO_SECONDS` (`RATIO_CALLS` at least)
                         unanswered or refused for the moment
    open ──► probing     connected again; after calls that failed not before a pause, which doubles each time
    probing ──► closed   a call is answered, or the lost connection has stood for `STEADY_SECONDS`
    probing ──► open     a call is not answered, or refused for the moment; the connection is lost again

A throttle says nothing here: the carrier is there, and slower (`pacing.py`). A refusal for good is an answer like any other.
"""

from __future__ import annotations

from schemas.rules.carrier_health import BreakerState

LOST_SECONDS = 0.5
FIRST_SECONDS = 5.0
STEADY_SECONDS = 1.0
UNANSWERED = 5
RATIO_SECONDS = 10.0
RATIO_CALLS = 20
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 60.0


class Breaker:
    """`fault`: what was wrong last."""

    def __init__(self, now: float) -> None:
        self.state = BreakerState.CLOSED
        self.fault = ""
        self._patience = FIRST_SECONDS
        self._unconnected_since: float | None = now
        self._opened_by_calls = False
        self._probe_at = 0.0
        self._probing_since = 0.0
        self._failures = 0
        self._unanswered = 0
        self._calls = self._failed = 0
        self._count_from = now

    def look(self, connected: bool, fault: str | None, now: float) -> None:
        """The connection as it is now; `fault`: why there is none, if that is known."""
        if connected:
            self._patience, self._unconnected_since = LOST_SECONDS, None
            if self.state is BreakerState.OPEN and now >= self._probe_at:
                self.state, self._probing_since = BreakerState.PROBING, now
            elif (
                self.state is BreakerState.PROBING
                and not self._opened_by_calls
                and now - self._probing_since >= STEADY_SECONDS
            ):
                self._close(now)
            return
        if self._unconnected_since is None:
            self._unconnected_since = now
        if self.state is BreakerState.PROBING or now - self._unconnected_since >= self._patience:
            self.fault = fault or "connection lost"
            if self.state is not BreakerState.OPEN:
                self.state = BreakerState.OPEN

    def record(self, *, answered: int, refused: int, unanswered: int, fault: str, now: float) -> None:
        """Results that came together: answered for good, refused for the moment, not answered in time. `fault`: the last
        of these."""
        if refused or unanswered:
            self.fault = fault
        self._unanswered = 0 if answered or refused else self._unanswered + unanswered
        if self.state is BreakerState.PROBING:
            if refused or unanswered:
                self._open(now)
            elif answered:
                self._close(now)
        elif self.state is BreakerState.CLOSED:
            self._count(answered, refused + unanswered, now)

    def _count(self, answered: int, failed: int, now: float) -> None:
        if now - self._count_from > RATIO_SECONDS:
            self._count_from, self._calls, self._failed = now, 0, 0
        self._calls += answered + failed
        self._failed += failed
        if self._unanswered >= UNANSWERED or (self._calls >= RATIO_CALLS and 2 * self._failed > self._calls):
            self._open(now)

    def _open(self, now: float) -> None:
        """Calls have failed."""
        self.state, self._opened_by_calls = BreakerState.OPEN, True
        self._probe_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 10))
        self._failures += 1

    def _close(self, now: float) -> None:
        self.state, self._opened_by_calls = BreakerState.CLOSED, False
        self._failures = self._unanswered = self._calls = self._failed = 0
        self._count_from = now
