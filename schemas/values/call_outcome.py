"""What became of a carrier call, as the log of calls says it of messages.

Nothing enters. Leaves: a closed set of words, the same on the wire. What each means for a message stands at
`schemas.records.wire.Verdict`.
"""

from __future__ import annotations

from enum import StrEnum


class CallOutcome(StrEnum):
    """`NOT_SUBMITTED`, `UNANSWERED` and `TRANSIENT` end nothing."""

    SENT = "sent"
    FAILED = "failed"
    TRANSIENT = "transient"
    UNCERTAIN = "uncertain"
    UNANSWERED = "unanswered"
    PARTIAL = "partial"
    NOT_SUBMITTED = "not_submitted"
