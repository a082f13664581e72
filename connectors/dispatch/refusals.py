"""Who is refused: whether a carrier's "not now" speaks of the carrier or of one destination.

In: destinations as they are refused, and, while anybody is, as they are taken; the time (seconds that never go back). Out: a
word for each refusal, and when that destination is to be asked again. Pure.

The code says nothing: carriers answer a full handset and a full carrier alike. What tells is who else was answered since
this destination was refused the last time:

    more were refused than taken   the carrier: the message keeps its place, no try counts; braked once `CARRIER_REFUSES_ABOVE` in a row were
    others were taken              the destination: put off after `MOST_WHILE_OTHERS_TAKEN` such refusals, once known after the next one
    nobody                         cannot be told; put off after `MOST_ALONE` refusals

Whoever was refused while others were taken is suspect from then on: it says nothing against the carrier any more, and each
further refusal counts that is not explained by others'.
After its second refusal a message steps back for a moment that grows, so that others are asked at all: a few bad
destinations in front look like a carrier that refuses everybody until somebody behind them is taken. Whoever may have
stepped back for the carrier's sake is called when the carrier takes somebody. A refusal that was not held against the
carrier is `uncounted`: it counts when that destination is taken the next time, for then it was the carrier's.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

MOST_WHILE_OTHERS_TAKEN = 5
MOST_ALONE = 20
CARRIER_REFUSES_ABOVE = 20
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
LONGEST_ALONE = 1.0
ANSWERS_REMEMBERED = 100
REMEMBERED = 10_000
FORGET_SECONDS = 60.0


class RefusalCause(Enum):
    """What a refusal speaks of: the carrier for certain, maybe the destination; `PUT_OFF`: that it has been asked often
    enough for now."""

    CARRIER = "carrier"
    DESTINATION = "destination"
    PUT_OFF = "put_off"


@dataclass(slots=True)
class _Mark:
    """A destination that was refused and not taken since. `against`: refusals while others were taken; `alone`: the last
    ones, with nobody else asked in between; `uncounted`: the last one
    was not held against the carrier."""

    refused_at: float = 0.0
    until: float = 0.0
    times: int = 0
    against: int = 0
    alone: int = 0
    uncounted: bool = False
    recalled: bool = False


class Refusals:
    """Of one carrier, all lanes of this process."""

    def __init__(self) -> None:
        self._marks: OrderedDict[int, _Mark] = OrderedDict()  # the one refused last is last
        self._answers: OrderedDict[int, bool] = OrderedDict()  # by destination whether it was taken, the last answer last
        self._to_recall: set[int] = set()  # to be called when somebody is taken

    @property
    def watching(self) -> bool:
        """Whether `taken` must be told."""
        return bool(self._marks)

    def refused(self, destination: int, now: float, *, silent: bool, wait: float = 0.0) -> RefusalCause:
        """It was. `silent`: the carrier has taken nobody for a moment; `wait`: seconds that it asked for."""
        mark = self._marks.get(destination)
        if mark is None:
            mark, taken, refused = _Mark(), 0, int(silent)
        else:
            taken, refused = self._others_since(destination)
        others_refused = refused > taken
        self._keep(destination, mark)
        against_carrier = others_refused and self._refused_at_last() >= CARRIER_REFUSES_ABOVE
        mark.refused_at, mark.times = now, mark.times + 1
        mark.alone = 0 if taken or (refused and mark.times > 1) else mark.alone + 1
        mark.against += bool(taken or mark.against) and not others_refused
        mark.uncounted = not against_carrier
        mark.until = now + max(wait, _pause(mark))
        if not mark.recalled and (others_refused or not mark.against):
            self._to_recall.add(destination)
        else:
            self._to_recall.discard(destination)
        if mark.alone >= MOST_ALONE or (mark.against >= MOST_WHILE_OTHERS_TAKEN and not others_refused):
            return RefusalCause.PUT_OFF
        return RefusalCause.CARRIER if against_carrier else RefusalCause.DESTINATION

    def taken(self, destinations: Iterable[int]) -> tuple[list[int], int]:
        """They were. (Whom to ask again at once, how many refusals now count against the carrier.)"""
        uncounted, somebody = 0, False
        for destination in destinations:
            mark = self._marks.pop(destination, None)
            somebody = True
            uncounted += mark is not None and mark.uncounted
            self._remember_answer(destination, True)
        if not somebody:
            return [], 0
        to_recall = [destination for destination in self._to_recall if destination in self._marks]
        self._to_recall.clear()
        for destination in to_recall:
            mark = self._marks[destination]
            mark.until, mark.times, mark.recalled = 0.0, 1, True
        self._clear_if_idle()
        return to_recall, uncounted

    def until(self, destination: int) -> float:
        """When to ask it again."""
        mark = self._marks.get(destination)
        return 0.0 if mark is None else mark.until

    def forget(self, now: float) -> None:
        """Whom nobody has asked for a while."""
        while self._marks and next(iter(self._marks.values())).refused_at < now - FORGET_SECONDS:
            self._marks.popitem(last=False)
        self._clear_if_idle()

    def _keep(self, destination: int, mark: _Mark) -> None:
        self._marks[destination] = mark
        self._marks.move_to_end(destination)
        if len(self._marks) > REMEMBERED:
            self._marks.popitem(last=False)
        self._remember_answer(destination, False)

    def _remember_answer(self, destination: int, taken: bool) -> None:
        self._answers[destination] = taken
        self._answers.move_to_end(destination)
        if len(self._answers) > ANSWERS_REMEMBERED:
            self._answers.popitem(last=False)

    def _others_since(self, destination: int) -> tuple[int, int]:
        """(taken, refused and not suspect) destinations answered since this one was."""
        taken = refused = 0
        for other in reversed(self._answers):
            if other == destination:
                break
            taken += self._answers[other]
            refused += not self._answers[other] and not self._is_suspect(other)
        return taken, refused

    def _refused_at_last(self) -> int:
        """Destinations, not suspect, refused since somebody was taken."""
        refused = itertools.takewhile(lambda other: not self._answers[other], reversed(self._answers))
        return sum(not self._is_suspect(other) for other in refused)

    def _is_suspect(self, destination: int) -> bool:
        mark = self._marks.get(destination)
        return mark is not None and mark.against > 0

    def _clear_if_idle(self) -> None:
        if not self._marks:
            self._answers.clear()
            self._to_recall.clear()


def _pause(mark: _Mark) -> float:
    if mark.times == 1:
        return 0.0
    longest = LONGEST_ALONE if mark.alone else LONGEST_PAUSE
    return min(longest, FIRST_PAUSE * 2.0 ** min(mark.times - 2, 30))
