"""Which message a carrier's id may stand for: what is asked, and what the places that know ids answer.

In and out: values. Nothing can go wrong here.
"""

from __future__ import annotations

from typing import NamedTuple


class MessageRef(NamedTuple):
    """Where a message stands. `segments` 0: not known. `id`: the form of the carrier's id that it was found by."""

    tenant: str
    chunk: str
    send: int
    position: int
    segments: int
    uncertain: bool
    id: str = ""


class AskedId(NamedTuple):
    """One form of an id that the receipt number `n` names."""

    n: int
    carrier: str
    id: str
    key: int
    to_hash: int


class Candidate(NamedTuple):
    """A message that an id may stand for. `agrees`: the destination does; `number` grows with the time of sending."""

    n: int
    id: str
    agrees: bool
    number: int
    ref: MessageRef

    @property
    def rank(self) -> tuple[bool, int]:
        """The greatest is meant: one whose destination agrees, and the newest of these, for carriers use ids again."""
        return self.agrees, self.number
