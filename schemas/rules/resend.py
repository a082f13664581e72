"""What the command `retry` of a campaign sends again, and as what.

In: the scope, a chunk's sequences as the sinks have counted them. Out: positions by the send number under which they go
again, and the slice that goes. The send number is the one after the last, so a repeat of the command is recognised; the
reservation is new: under a round that no send before can have had. Delivered and read messages have sequences of their own
and are never among them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from msgspec.structs import replace

from schemas.records.slice import ResumeAt, Slice
from schemas.values.status import ABOVE_SENDS, MAX_SEND, Status, status_of


class RetryScope(StrEnum):
    """Which messages go again."""

    FAILED = "failed"
    EXPIRED = "expired"
    UNSENT = "unsent"
    UNCERTAIN = "uncertain"


SCOPES: Mapping[RetryScope, frozenset[Status]] = MappingProxyType(
    {
        RetryScope.FAILED: frozenset({Status.FAILED, Status.UNDELIVERED}),
        RetryScope.EXPIRED: frozenset({Status.EXPIRED}),
        RetryScope.UNSENT: frozenset({Status.EXPIRED, Status.REJECTED}),
        RetryScope.UNCERTAIN: frozenset({Status.UNCERTAIN}),
    }
)
"""`failed`: a carrier had them and did not deliver them. `unsent`: none was ever called. `uncertain`: a carrier may have
them, and may deliver them twice."""


def positions_to_resend(sequences: Sequence[int], scope: RetryScope) -> dict[int, int]:
    """Sets of positions by their next send number; sequences run over the positions of the chunk."""
    wanted = SCOPES[scope]
    out: dict[int, int] = {}
    for position, sequence in enumerate(sequences):
        if 0 < sequence < ABOVE_SENDS and status_of(sequence) in wanted and sequence // 16 < MAX_SEND:
            send = sequence // 16 + 1
            out[send] = out.get(send, 0) | 1 << position
    return out


def slice_to_resend(chunk: Slice, send: int, version: int, now: int) -> Slice:
    """The whole chunk, due now, under this send number; to be narrowed to the positions that go. Each send before used up
    one round of reservations at most, so `send - 1` is a new one."""
    return replace(
        chunk,
        send=send,
        round=send - 1,
        version=version,
        resume_at=ResumeAt.ROUTE,
        due_at=now,
        expires_at=now + chunk.expires_at - chunk.due_at,
    )
