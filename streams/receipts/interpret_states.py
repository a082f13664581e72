"""What a carrier's receipts mean, entry by entry.

In: the states of the entries, and what has become of the messages of which an entry reports one segment of several. Out: one
verdict for each entry (see `verdicts.py`). Pure; a state that no table lists is a verdict, not an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from schemas.values.positions import everyone, positions_of
from schemas.values.reasons import Reason
from schemas.values.status import RECEIPT_STATES, ReceiptStateError, Status, receipt_outcome
from streams.receipts.verdicts import ChangesNothing, Delivered, ReceiptVerdict, Undelivered, UnknownState

Meaning = Reason | None | str
"""NONE delivered, another reason undelivered, None nothing changes; text: a state that no table lists."""


def decide(states: Sequence[str], whole: Mapping[int, Reason | None] | None = None) -> tuple[ReceiptVerdict, ...]:
    """One verdict per entry. `whole`: entries about one segment, with what their whole message has come to."""
    if not whole and states and states.count(states[0]) == len(states):
        return (_verdict(everyone(len(states)), meaning(states[0])),)
    known = whole or {}
    meanings = {state: meaning(state) for state in set(states)}
    groups: dict[Meaning, list[int]] = {}
    for entry, state in enumerate(states):
        groups.setdefault(known[entry] if entry in known else meanings[state], []).append(entry)
    return tuple(_verdict(positions_of(entries), what) for what, entries in groups.items())


def meaning(state: str) -> Meaning:
    """What this state says of a message."""
    try:
        outcome = receipt_outcome(state)
    except ReceiptStateError:
        return state
    return None if outcome is None else outcome[1]


def whole_message(states: Collection[str], segments: int) -> Reason | None:
    """What a message of several segments has come to by the states of its segments: NONE delivered, None nothing yet."""
    delivered = 0
    for state in states:
        outcome = receipt_outcome(state)
        if outcome is None:
            continue
        if outcome[0] is not Status.DELIVERED:
            return outcome[1]
        delivered += 1
    return Reason.NONE if delivered >= segments else None


def changes(state: str) -> bool:
    """Whether a table lists this state, and it means something for the message."""
    return RECEIPT_STATES.get(state) is not None


def _verdict(entries: int, what: Meaning) -> ReceiptVerdict:
    if what is None:
        return ChangesNothing(entries=entries)
    # Trap: a Reason is a text as well; it has to be asked for first.
    if isinstance(what, Reason):
        return Delivered(entries=entries) if what is Reason.NONE else Undelivered(entries=entries, reason=what)
    return UnknownState(entries=entries, detail=f"unknown receipt state {what!r}")
