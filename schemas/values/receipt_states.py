"""The one table of what carriers write for the state of a message: in a receipt's text, and as a number.

In: a state as it was written (`Delivered`, `UNDELIVERABLE`, `en_route`) or the number of the optional parameter
message_state. Out: one of the states of SMPP 3.4 that `schemas.values.status.RECEIPT_STATES` gives a meaning, or None for a
state that no table lists: then nothing is changed, it is seen, and its bytes are kept. Case, blanks, `_` and `-` do not
matter. A carrier's own words are added by its setting `receipt_states`. Nothing can go wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from schemas.values.foreign_text import MOST_STATE, clean
from schemas.values.status import RECEIPT_STATES

MOST_NUMBER = 255
"""message_state is one octet."""
Meaning = Literal["delivered", "undelivered", "expired", "rejected", "no_change"]


class StateRow(NamedTuple):
    """`numbers`: of message_state, the first is the standard's. `spellings`: besides the state itself."""

    state: str
    numbers: tuple[int, ...]
    spellings: tuple[str, ...]


TABLE: tuple[StateRow, ...] = (
    StateRow(
        "DELIVRD",
        (2,),
        (
            "DELIVERED",
            "DELIVERD",
            "DELIVRED",
            "DELIVERRD",
            "DELVRD",
            "DLVRD",
            "DELIVERY",
            "DELIVERYSUCCESS",
            "DELIVEREDTOTERMINAL",
            "DELIVEREDTOHANDSET",
            "DELIVEREDTODEVICE",
            "DELIVEREDTOUSER",
        ),
    ),
    # SMPP 5.0: "skipped" is final, the message was left out on purpose.
    StateRow(
        "UNDELIV",
        (5, 9),
        (
            "UNDELIVERABLE",
            "UNDELIVERED",
            "UNDELIVERD",
            "UNDELIVRD",
            "UNDELIVERAB",
            "UNDELIVER",
            "UNDELVRD",
            "UNDLVRD",
            "UNDELIVE",
            "NOTDELIVERED",
            "NONDELIVERED",
            "DELIVERYFAILED",
            "DELIVERYFAILURE",
            "DELIVERYIMPOSSIBLE",
            "FAILED",
            "FAIL",
            "FAILURE",
            "SKIPPED",
            "SKIPED",
            "SKIP",
        ),
    ),
    StateRow("EXPIRED", (3,), ("EXPIRE", "EXPIRD", "EXPRD", "TIMEOUT", "TIMEDOUT", "VALIDITYEXPIRED")),
    StateRow("DELETED", (4,), ("DELETE", "DELETD", "CANCELED", "CANCELLED")),
    StateRow("REJECTD", (8,), ("REJECTED", "REJECT", "REJCTD", "REJECTE", "BLOCKED", "BARRED")),
    StateRow("UNKNOWN", (7,), ("UNKNOWNSTATE", "UNKNOW", "UNKNOWEN", "UNKNWN")),
    StateRow(
        "ENROUTE",
        (1, 0),
        (
            "SCHEDULED",
            "SCHEDULD",
            "BUFFRED",
            "BUFFERED",
            "BUFFERD",
            "BUFFRD",
            "QUEUED",
            "PENDING",
            "RETRY",
            "RETRYING",
            "SENT",
            "INTRANSIT",
            "ROUTED",
        ),
    ),
    StateRow(
        "ACCEPTD", (6,), ("ACCEPTED", "ACCEPT", "ACCPTD", "ACCEPTE", "ACKED", "ACKD", "ACK", "ACKNOWLEDGED", "SUBMITTED")
    ),
)

MESSAGE_STATES: Mapping[int, str] = MappingProxyType({number: row.state for row in TABLE for number in row.numbers})
"""What a number of the optional parameter stands for."""

NUMBERS: Mapping[str, int] = MappingProxyType({row.state: row.numbers[0] for row in TABLE})

OF_MEANING: Mapping[str, str] = MappingProxyType(
    {"delivered": "DELIVRD", "undelivered": "UNDELIV", "expired": "EXPIRED", "rejected": "REJECTD", "no_change": "ENROUTE"}
)
"""The state that stands for what a carrier's setting says of a word of its own."""

_SPELLINGS = {spelling: row.state for row in TABLE for spelling in (row.state, *row.spellings)}
_BARE = str.maketrans("", "", " _-.")


def bare(written: str) -> str:
    """A state as it is looked for: upper case, separators left out."""
    return clean(written, MOST_STATE).upper().translate(_BARE)


@lru_cache(maxsize=256)
def state_of(written: str) -> str | None:
    """The state that a text means."""
    return _SPELLINGS.get(bare(written))


def weight(state: str) -> int:
    """Which of two states counts that one receipt names: an end says more than "unknown", and that more than a state on the
    way."""
    outcome = RECEIPT_STATES[state]
    if outcome is None:
        return 1
    return 2 if state == "UNKNOWN" else 3
