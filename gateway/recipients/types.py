"""An uploaded part as clients get its answer; its lines are `screening.types.Recipient`."""

from __future__ import annotations

import msgspec

from gateway.screening.types import Rejection

MAX_PART = 2**30 - 1
"""The largest number that a client may give to a part; those above are given by the gateway."""


class PartAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an upload counts; `rejected` holds the first hundred."""

    part: int
    accepted: int
    rejected_count: int
    rejected: list[Rejection]
