"""Whether a `Settled` record agrees with itself: one rule for all who read the log of calls, so that one of them refuses
what none of them can take.

In: a record. Out: the positions of each outcome. RecordError for an unknown outcome, verdicts that overlap, and columns of
another length than their positions.
"""

from __future__ import annotations

from schemas.records.slice import RecordError, check_positions
from schemas.records.wire import Settled
from schemas.values.call_outcome import CallOutcome

OUTCOMES = frozenset(CallOutcome)


def check_settled(settled: Settled) -> dict[str, int]:
    """The positions of each outcome, of a record whose columns fit. Raises RecordError."""
    check_positions(settled.size, settled.positions)
    sets = _outcome_sets(settled)
    count = settled.positions.bit_count()
    with_id = (sets[CallOutcome.SENT] | sets[CallOutcome.PARTIAL]).bit_count()
    unread = not settled.to_hashes and sets[CallOutcome.FAILED] == settled.positions
    ids = settled.ids.count("\n") + 1 if settled.ids or with_id else 0
    if (ids, len(settled.to_hashes), len(settled.segments)) != (with_id, 0 if unread else 8 * count, count):
        raise RecordError("ids, to_hashes or segments: length differs from the number of positions")
    return sets


def _outcome_sets(settled: Settled) -> dict[str, int]:
    """The positions of each outcome. Raises RecordError for an unknown one, or when verdicts overlap."""
    sets: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    seen = 0
    for verdict in settled.verdicts:
        if verdict.outcome not in OUTCOMES:
            raise RecordError(f"outcome: {verdict.outcome[:40]!r} is unknown")
        if verdict.positions & seen or verdict.positions & ~settled.positions:
            raise RecordError("verdicts: positions twice, or not of this record")
        seen |= verdict.positions
        sets[verdict.outcome] |= verdict.positions
    return sets
