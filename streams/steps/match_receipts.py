"""What a carrier's receipts mean, entry by entry; the "positions" here are the entries of the record, 0..count-1.

In: the states of the entries and which of them are about one segment of several. Out: `Next` for delivered, `Reject` with
the carrier's reason for undelivered, `Hold` for states that change nothing and for segments whose message needs more of
them, `DeadLetter` for states that no table lists. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from schemas.values.positions import everyone, positions_of
from schemas.values.reasons import Reason
from schemas.values.status import RECEIPT_STATES, ReceiptStateError, Status, receipt_outcome
from streams.outcome import DeadLetter, Hold, Next, Outcome, Outcomes, Reject

Meaning = Reason | None | str
"""NONE delivered, another reason undelivered, None nothing changes; text: a state that no table lists."""


def decide(states: Sequence[str], undecided: Mapping[int, Reason | None] | None = None) -> Outcomes:
    """One outcome per entry. `undecided`: entries about a segment, with what its whole message has come to."""
    if not undecided and states and states.count(states[0]) == len(states):
        return (_outcome(everyone(len(states)), meaning(states[0])),)
    whole = undecided or {}
    meanings = {state: meaning(state) for state in set(states)}
    groups: dict[Meaning, list[int]] = {}
    for entry, state in enumerate(states):
        groups.setdefault(whole[entry] if entry in whole else meanings[state], []).append(entry)
    return tuple(_outcome(positions_of(entries), what) for what, entries in groups.items())


def meaning(state: str) -> Meaning:
    """What this state says of a message."""
    try:
        verdict = receipt_outcome(state)
    except ReceiptStateError:
        return state
    return None if verdict is None else verdict[1]


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


def _outcome(entries: int, what: Meaning) -> Outcome:
    if what is None:
        return Hold(positions=entries, reason=Reason.NONE, until=0)
    if isinstance(what, Reason):
        return Next(positions=entries) if what is Reason.NONE else Reject(positions=entries, reason=what)
    return DeadLetter(positions=entries, reason=Reason.UNDECODABLE, detail=f"unknown receipt state {what!r}")
