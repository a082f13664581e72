"""What else is wrong with recipients that are refused already, so that a sender mends each of them once.

Enters: the refused with the first fault of each. Leaves: their other faults, in the same order, and how many characters of
text were looked at for it. Whether the number is a repeat is not asked of somebody who is refused anyway. Others have their
turn where texts are long. Nobody who is accepted comes here.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

from gateway.http.problem import Fault
from gateway.http.texts import bad_text, missing_variable
from gateway.screening.segments import SegmentCounter
from gateway.screening.types import Recipient

DUPLICATE = "duplicate"
_MISSING = "missing_variable"


class Refused(NamedTuple):
    """One of them."""

    recipient: Recipient
    first: Fault


Found = tuple[list[list[Fault]], int]


def further_faults(counter: SegmentCounter, refused: Sequence[Refused]) -> Generator[None, None, Found]:
    """The others of each, and characters."""
    found: list[list[Fault]] = [[] for _ in refused]
    # A number is looked at before a text, a repeat after it.
    unseen = [rank for rank, one in enumerate(refused) if one.first.pointer == "/to" and one.first.code != DUPLICATE]
    characters = 0
    if unseen:
        faults: dict[int, Fault] = {}
        measures = yield from counter.count_all([refused[rank].recipient for rank in unseen], faults)
        characters = sum(measures[2])
        for place, fault in faults.items():
            found[unseen[place]].append(fault)
    for one, own in zip(refused, found, strict=True):
        own += _missing_too(counter.names, one, own)
        reference = one.recipient.client_ref
        if reference and "\0" in reference and one.first.pointer != "/client_ref":
            own.append(bad_text("/client_ref"))
    return found, characters


def _missing_too(names: Sequence[str], refused: Refused, own: Sequence[Fault]) -> list[Fault]:
    """A missing variable hides those behind it."""
    told = {fault.pointer for fault in (refused.first, *own) if fault.code == _MISSING}
    if not told:
        return []
    missing = (missing_variable(name) for name in names if name not in refused.recipient.variables)
    return [fault for fault in missing if fault.pointer not in told]
