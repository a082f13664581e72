"""What a carrier's receipts mean, entry by entry; the "positions" here are the entries of the record, 0..count-1.

In: the states of the entries and which of them are about one segment of several. Out: `Next` for delivered, `Reject` with
the carrier's reason for undelivered, `Hold` for states that change nothing and for segments whose message needs more of
them, `DeadLetter` for states that no table lists. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from schemas.reasons import Reason
from schemas.records import everyone, positions_of
from schemas.status import RECEIPT_STATES, ReceiptStateError, Status, receipt_outcome
from streams.outcome import DeadLetter, Hold, Next, Outcome, Outcomes, Reject


def decide(states: Sequence[str], undecided: Mapping[int, Reason | None] | None = None) -> Outcomes:
    """One outcome per entry. `undecided`: entries about a segment, with what its whole message has come to:
    NONE delivered, another reason undelivered, None nothing yet."""
    if not undecided and states and states.count(states[0]) == len(states):
        return (_outcome(everyone(len(states)), states[0]),)
    groups: dict[str | Reason | None, list[int]] = {}
    for entry, state in enumerate(states):
        known = undecided is not None and entry in undecided
        groups.setdefault((undecided or {})[entry] if known else str(state), []).append(entry)
    return tuple(_outcome_of(positions_of(entries), what) for what, entries in groups.items())


def whole_message(states: Collection[str], segments: int) -> Reason | None:
    """What a message of several segments has come to by the states of its segments: NONE delivered, None nothing yet."""
    delivered = 0
    for state in states:
        verdict = receipt_outcome(state)
        if verdict is None:
            continue
        if verdict[0] is not Status.DELIVERED:
            return verdict[1]
        delivered += 1
    return Reason.NONE if delivered >= segments else None


def changes(state: str) -> bool:
    """Whether a table lists this state, and it means something for the message."""
    return RECEIPT_STATES.get(state) is not None


def _outcome_of(entries: int, what: str | Reason | None) -> Outcome:
    if what is None:
        return Hold(positions=entries, reason=Reason.NONE, until=0)
    if isinstance(what, Reason):
        return Next(positions=entries) if what is Reason.NONE else Reject(positions=entries, reason=what)
    return _outcome(entries, what)


def _outcome(entries: int, state: str) -> Outcome:
    try:
        verdict = receipt_outcome(state)
    except ReceiptStateError as fault:
        return DeadLetter(positions=entries, reason=Reason.UNDECODABLE, detail=str(fault))
    return _outcome_of(entries, None if verdict is None else verdict[1])
