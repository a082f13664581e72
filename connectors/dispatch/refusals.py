"""Whether a carrier's "not now" is about the carrier or about one destination.

In: destinations as they are refused and, while any is, as they are accepted; the time (monotonic seconds). Refused for good
counts as accepted here: the carrier had time for it. Out: the cause of each refusal, and when that destination may be asked
again. Pure.

The code says nothing: carriers answer a full handset and a full carrier alike. What tells is who else was answered since
this destination was refused the last time:

    more refused than accepted   the carrier: the message keeps its place and no try counts; the carrier is braked after
                                 `CARRIER_REFUSES_ABOVE` refusals in a row
    others were accepted         the destination: put off after `MOST_WHILE_OTHERS_ACCEPTED` such refusals; once one has
                                 counted, every further refusal counts
    nobody                       unknown; put off after `MOST_ALONE` refusals

A destination that was refused while others were accepted is suspect from then on: its refusals no longer count against the
carrier, and each further one counts against it unless others are refused too. After its second refusal a message backs off
for a time that grows, so that others get their turn: a few bad destinations in front look like a carrier that refuses
everybody until somebody behind them is accepted. Messages that may have backed off because of the carrier are recalled when
the carrier accepts one. A refusal that was not held against the carrier is `uncounted`: if that destination is accepted the
next time, it was the carrier's after all, and counts.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

MOST_WHILE_OTHERS_ACCEPTED = 5
MOST_ALONE = 20
CARRIER_REFUSES_ABOVE = 20
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
LONGEST_ALONE = 1.0
ANSWERS_REMEMBERED = 100
REMEMBERED = 10_000
FORGET_SECONDS = 60.0


class RefusalCause(Enum):
    """What a refusal is about: certainly the carrier, or maybe the destination; `PUT_OFF`: the destination, which has been
    asked often enough for now."""

    CARRIER = "carrier"
    DESTINATION = "destination"
    PUT_OFF = "put_off"


@dataclass(slots=True)
class _Mark:
    """A destination that was refused and not accepted since. `against`: refusals while others were accepted; `alone`: the
    last ones in a row with nobody else asked in between; `uncounted`: the last one was not held against the carrier."""

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
        self._answers: OrderedDict[int, bool] = OrderedDict()  # by destination whether it was accepted, the last answer last
        self._to_recall: set[int] = set()  # to be recalled when one is accepted

    @property
    def watching(self) -> bool:
        """Whether `accepted` must be called: some destination is refused for now."""
        return bool(self._marks)

    def refused(self, destination: int, now: float, *, nothing_accepted_lately: bool, wait: float = 0.0) -> RefusalCause:
        """This destination was refused. `nothing_accepted_lately`: the carrier has accepted nothing for a moment; `wait`:
        seconds that it asked for."""
        mark = self._marks.get(destination)
        if mark is None:
            mark, accepted, refused = _Mark(), 0, int(nothing_accepted_lately)
        else:
            accepted, refused = self._other_answers_since(destination)
        others_refused = refused > accepted
        self._keep(destination, mark)
        against_carrier = others_refused and self._refused_at_last() >= CARRIER_REFUSES_ABOVE
        mark.refused_at, mark.times = now, mark.times + 1
        mark.alone = 0 if accepted or (refused and mark.times > 1) else mark.alone + 1
        mark.against += bool(accepted or mark.against) and not others_refused
        mark.uncounted = not against_carrier
        mark.until = now + max(wait, _pause(mark))
        if not mark.recalled and (others_refused or not mark.against):
            self._to_recall.add(destination)
        else:
            self._to_recall.discard(destination)
        if mark.alone >= MOST_ALONE or (mark.against >= MOST_WHILE_OTHERS_ACCEPTED and not others_refused):
            return RefusalCause.PUT_OFF
        return RefusalCause.CARRIER if against_carrier else RefusalCause.DESTINATION

    def accepted(self, destinations: Iterable[int]) -> tuple[list[int], int]:
        """These were answered for good. Gives (destinations to ask again at once, how many refusals now count against the
        carrier)."""
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
        """When this destination may be asked again."""
        mark = self._marks.get(destination)
        return 0.0 if mark is None else mark.until

    def forget(self, now: float) -> None:
        """Forget destinations that were not asked for a while."""
        while self._marks and next(iter(self._marks.values())).refused_at < now - FORGET_SECONDS:
            self._marks.popitem(last=False)
        self._clear_if_idle()

    def _keep(self, destination: int, mark: _Mark) -> None:
        self._marks[destination] = mark
        self._marks.move_to_end(destination)
        if len(self._marks) > REMEMBERED:
            self._marks.popitem(last=False)
        self._remember_answer(destination, False)

    def _remember_answer(self, destination: int, accepted: bool) -> None:
        self._answers[destination] = accepted
        self._answers.move_to_end(destination)
        if len(self._answers) > ANSWERS_REMEMBERED:
            self._answers.popitem(last=False)

    def _other_answers_since(self, destination: int) -> tuple[int, int]:
        """(accepted, refused and not suspect): destinations answered since this one was."""
        accepted = refused = 0
        for other in reversed(self._answers):
            if other == destination:
                break
            accepted += self._answers[other]
            refused += not self._answers[other] and not self._is_suspect(other)
        return accepted, refused

    def _refused_at_last(self) -> int:
        """Destinations, not suspect, refused since one was accepted."""
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
