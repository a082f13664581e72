"""The states of a message, and the one number that orders them.

Enters: a send number and a state. Leaves: the message's `sequence`; of several the highest is true, so records may
come late, twice or in any order. Wrong: a receipt state that is not in the table (ReceiptStateError), a send number
outside 0..65535 (ValueError).

    sequence = send * 16 + rank          and for delivered and read, which no later send undoes, 2^20 + rank
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from schemas.values.reasons import Reason


class Status(StrEnum):
    """A message's state. The order of the members is their rank, and part of the stored format: never reorder."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    HELD = "held"
    QUEUED = "queued"
    EXPIRED = "expired"
    CANCELED = "canceled"
    REJECTED = "rejected"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"

    @property
    def rank(self) -> int:
        """0 for accepted up to 13 for read."""
        return _RANK[self]


STATUSES: tuple[Status, ...] = tuple(Status)
"""The state of each rank."""

_RANK: Mapping[Status, int] = MappingProxyType({status: rank for rank, status in enumerate(STATUSES)})

FINAL: frozenset[Status] = frozenset(
    {
        Status.EXPIRED,
        Status.CANCELED,
        Status.REJECTED,
        Status.FAILED,
        Status.UNDELIVERED,
        Status.DELIVERED,
        Status.READ,
    }
)
"""Ends of the way. `sent` and `uncertain` are not among them: a receipt may still come."""

ABOVE_SENDS = 2**20
"""Where the states begin that no later send undoes."""
MAX_SEND = ABOVE_SENDS // 16 - 1


def sequence(send: int, status: Status) -> int:
    """The place of this state of this send in the message's history; grows with every change."""
    if not 0 <= send <= MAX_SEND:
        raise ValueError(f"send number out of range: {send}")
    rank = _RANK[status]
    return ABOVE_SENDS + rank if status is Status.DELIVERED or status is Status.READ else send * 16 + rank


def status_of(sequence: int) -> Status:
    """The state that a sequence stands for."""
    return STATUSES[sequence & 15]


class ReceiptStateError(ValueError):
    """A carrier's receipt names a state that no table lists."""


RECEIPT_STATES: Mapping[str, tuple[Status, Reason] | None] = MappingProxyType(
    {
        "DELIVRD": (Status.DELIVERED, Reason.NONE),
        "UNDELIV": (Status.UNDELIVERED, Reason.CARRIER_UNDELIVERED),
        "DELETED": (Status.UNDELIVERED, Reason.CARRIER_UNDELIVERED),
        "UNKNOWN": (Status.UNDELIVERED, Reason.CARRIER_UNDELIVERED),
        "EXPIRED": (Status.UNDELIVERED, Reason.CARRIER_EXPIRED),
        "REJECTD": (Status.UNDELIVERED, Reason.CARRIER_REJECTED),
        "ENROUTE": None,
        "ACCEPTD": None,
    }
)
"""What a receipt's `stat` (SMPP 3.4, appendix B) means for the message; None: it changes nothing."""


def receipt_outcome(state: str) -> tuple[Status, Reason] | None:
    """The state and reason that a receipt brings, or None when it changes nothing."""
    try:
        return RECEIPT_STATES[state]
    except KeyError:
        raise ReceiptStateError(f"unknown receipt state {state!r}") from None
