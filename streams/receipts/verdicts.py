"""What the stage receipts concludes: every entry of a block of receipts exactly one verdict. `entries`: a set of the places
0..count-1 in the block's columns.

    Delivered        the carrier says so
    Undelivered      the carrier says so, and why
    ChangesNothing   a state on the way, or a segment whose message needs more of them
    UnknownState     a state that no table lists: a dead letter for the operator
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.values.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """On the phone."""

    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """It will not arrive any more."""

    entries: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesNothing:
    """Says nothing that is worth a change of state."""

    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownState:
    """`detail` is for the operator."""

    entries: int
    detail: str


ReceiptVerdict = Delivered | Undelivered | ChangesNothing | UnknownState
