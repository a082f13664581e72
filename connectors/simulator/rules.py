"""What happens to the Nth submit: the script applied, nothing done yet.

In: a count, a destination, the time. Out: a `Verdict`. The rate limit is the one rule with a memory.
"""

import msgspec

from connectors.simulator.script import Script
from schemas.values.command_status import ESME_ROK, ESME_RTHROTTLED

_BURST_SECONDS = 0.1


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`status` of the answer; the rest counts only for status 0. `receipts`: how many, 0 to 2."""

    status: int = ESME_ROK
    answered: bool = True
    state: str = "DELIVRD"
    receipts: int = 1
    early: bool = False
    late: bool = False
    stray: bool = False


_TAKEN = Verdict()


class Rules:
    """Judges submits by one script; a changed script makes new rules and keeps the count."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._plain = script.plain
        self._tokens = self._capacity = max(1.0, script.rate * _BURST_SECONDS)
        self._filled_at: float | None = None

    def judge(self, count: int, destination: str, now: float) -> Verdict:
        """`count` from 1 over all submits; `now` in seconds, never going back."""
        if self._plain:
            return _TAKEN
        script = self._script
        status = self._status(count, destination, now)
        if status:
            return Verdict(status=status)
        receipts = 0 if _due(count, script.receipt_never_every) else 1 + _due(count, script.receipt_twice_every)
        return Verdict(
            answered=not _due(count, script.lose_answer_every),
            state=next((state for state, every in script.states.items() if _due(count, every)), "DELIVRD"),
            receipts=receipts,
            early=_due(count, script.receipt_early_every),
            late=_due(count, script.receipt_late_every),
            stray=_due(count, script.receipt_unknown_every),
        )

    def _status(self, count: int, destination: str, now: float) -> int:
        script = self._script
        for suffix, status in script.error_suffixes.items():
            if destination.endswith(suffix):
                return status
        if _due(count, script.throttle_every) or (script.rate and not self._token(now)):
            return ESME_RTHROTTLED
        return script.error_status if _due(count, script.error_every) else ESME_ROK

    def _token(self, now: float) -> bool:
        if self._filled_at is not None:
            self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._script.rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _due(count: int, every: int) -> bool:
    return every > 0 and count % every == 0
