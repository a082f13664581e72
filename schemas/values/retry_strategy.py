"""How often, how far apart and for how long a message is tried that a carrier refused for the moment; as a tenant or a
profile has it, and as the log of calls says it was in force.

In: what somebody set; a field left out says nothing, and the next one has its say (profile, tenant, the installation's own).
Out: one strategy; whether it says anything; what is wrong with it, as a sentence with the mend. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from schemas.values.reasons import Disposition, Reason
from schemas.values.rungs import Rung

WAITING_ROOM = "1h"
"""The last step of a ladder: a row of the waiting room, as no topic is kept for so long."""
STEPS = (*(str(rung) for rung in Rung), WAITING_ROOM)
MOST_ATTEMPTS = 20
LONGEST_AGE = 172_800
"""Seconds: no message is valid for longer."""
MOST_NAMED = 50
REASONS = tuple(str(reason) for reason in Reason if reason.disposition is Disposition.RETRY)
_CODE = re.compile("0x[0-9A-Fa-f]{1,8}|[0-9A-Z][0-9A-Za-z_.:-]{0,63}")


class RetryStrategy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`attempts`: tries in all. `ladder`: where the first, the second refusal and so on wait; the last step is for all more.
    `max_age_seconds`: nothing is tried later than that after its first refusal. `retry_on`: the reasons or carriers' codes
    that are tried again, where not all are; `never`: those that are not. What is None is not said."""

    attempts: int | None = None
    ladder: list[str] | None = None
    max_age_seconds: int | None = None
    retry_on: list[str] | None = None
    never: list[str] | None = None

    def wants(self, reason: Reason, code: str | None) -> bool:
        """Whether what was refused so is tried again."""
        said = {str(reason), code}
        return (self.retry_on is None or not said.isdisjoint(self.retry_on)) and said.isdisjoint(self.never or ())


UNSAID = RetryStrategy()


def first_said(strategies: Iterable[RetryStrategy]) -> RetryStrategy | None:
    """Field by field what the first of them says; None when nobody says anything."""
    said: dict[str, object] = {}
    for strategy in strategies:
        said = {**said_by(strategy), **said}
    return msgspec.convert(said, RetryStrategy) if said else None


def said_by(strategy: RetryStrategy) -> dict[str, object]:
    """Its fields that are not None."""
    return {name: value for name, value in msgspec.structs.asdict(strategy).items() if value is not None}


def strategy_fault(strategy: RetryStrategy) -> str | None:
    """What is wrong with it, and what to write instead."""
    attempts, age = strategy.attempts, strategy.max_age_seconds
    if attempts is not None and not 1 <= attempts <= MOST_ATTEMPTS:
        return f"attempts: {attempts} is not within 1 to {MOST_ATTEMPTS}"
    if age is not None and not 1 <= age <= LONGEST_AGE:
        return f"max_age_seconds: {age} is not within 1 to {LONGEST_AGE}"
    if strategy.ladder is not None and (fault := _ladder_fault(strategy.ladder)):
        return fault
    for name, entries in (("retry_on", strategy.retry_on or []), ("never", strategy.never or [])):
        if len(entries) > MOST_NAMED:
            return f"{name}: {len(entries)} entries; at most {MOST_NAMED}"
        for entry in entries:
            if entry not in REASONS and not _CODE.fullmatch(entry):
                return (
                    f"{name}: {entry[:64]!r} is no reason; write {' or '.join(REASONS)}, "
                    "or a carrier's code such as ESME_RMSGQFUL or 0x00000400"
                )
    return None


def _ladder_fault(ladder: list[str]) -> str | None:
    how = f"some of {', '.join(STEPS)}, the shortest first, each once"
    if not ladder:
        return f"ladder: no step; write {how}"
    unknown = next((step for step in ladder if step not in STEPS), None)
    if unknown is not None:
        return f"ladder: there is no step {unknown[:20]!r}; write {how}"
    places = [STEPS.index(step) for step in ladder]
    return None if places == sorted(set(places)) else f"ladder: {', '.join(ladder)} is in no order; write {how}"
