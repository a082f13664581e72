"""What a new owner makes of the log of calls that its predecessors left.

In: the records of one partition of `attempts-<lane>`, in their order, up to the new owner's own. Out: `Recovered`: by
(chunk, send) which positions are settled, which were started by one owner and never settled, which by two or more;
chunks that ended three owners running and positions that, sent alone, ended one more. Pure.

A start repeated by the same owner counts once: that owner knew that its first one had not gone out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.reasons import Reason
from schemas.records import Owner, Record, Returned, Settled, Started

OWNERS_RUNNING = 3
"""A chunk that ended so many owners in a row is sent message by message."""

Place = tuple[str, int]
LogEntry = tuple[int, Record]
"""(offset, record)."""


@dataclass(slots=True)
class Recovered:
    """What is known of the past, by (chunk, send); all values are sets of positions.

    `crashed`: positions that ended their owner although they were alone. `suspects` are to be sent one by one.
    `first_place`: for each dispatch offset the first place of the log that speaks of it.
    """

    settled: dict[Place, int] = field(default_factory=dict)
    once: dict[Place, int] = field(default_factory=dict)
    twice: dict[Place, int] = field(default_factory=dict)
    suspects: set[Place] = field(default_factory=set)
    crashed: dict[Place, int] = field(default_factory=dict)
    first_place: dict[int, int] = field(default_factory=dict)

    def places(self) -> set[Place]:
        """Every (chunk, send) that the log speaks of."""
        return {*self.settled, *self.once, *self.twice}


def rebuild(log: Iterable[LogEntry]) -> Recovered:
    """Read the log."""
    recovered = Recovered()
    reign = _Reign(-1)
    reigns = [reign]
    open_: dict[Place, dict[int, int]] = {}  # by place, by epoch: positions started and not settled
    for offset, record in log:
        match record:
            case Owner():
                reign = _Reign(offset)
                reigns.append(reign)
            case Started():
                place = (record.chunk, record.send)
                recovered.first_place.setdefault(record.dispatch_offset, offset)
                by_epoch = open_.setdefault(place, {})
                by_epoch[record.epoch] = by_epoch.get(record.epoch, 0) | record.positions
                reign.started[place] = record.positions
            case Settled():
                _settle(recovered, open_, (record.chunk, record.send), record.positions)
                if not concluded(record):
                    reign.settled = True
                    reign.started.clear()
            case Returned():
                _settle(recovered, open_, (record.rest.chunk, record.rest.send), record.rest.positions)
            case _:
                continue
    for place, by_epoch in open_.items():
        _count_starts(recovered, place, list(by_epoch.values()))
    _find_suspects(recovered, reigns)
    return recovered


def concluded(record: Settled) -> bool:
    """Whether this record is an owner's conclusion about its predecessor, no answer of a carrier."""
    return all(verdict.reason in (Reason.OWNER_LOST, Reason.CRASH_LOOP) for verdict in record.verdicts)


class _Reign:
    """The time of one owner: whether anything was answered, and what it started after the last answer (the last start
    of each (chunk, send))."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.started: dict[Place, int] = {}
        self.settled = False


def _settle(recovered: Recovered, open_: dict[Place, dict[int, int]], place: Place, positions: int) -> None:
    recovered.settled[place] = recovered.settled.get(place, 0) | positions
    for epoch, started in open_.get(place, {}).items():
        open_[place][epoch] = started & ~positions


def _count_starts(recovered: Recovered, place: Place, starts: Sequence[int]) -> None:
    once = twice = 0
    for positions in starts:
        twice |= once & positions
        once |= positions
    if once & ~twice:
        recovered.once[place] = once & ~twice
    if twice:
        recovered.twice[place] = twice


def _find_suspects(recovered: Recovered, reigns: Sequence[_Reign]) -> None:
    """The newest owners in a row that started something and ended, with no answer between their starts."""
    fruitless: list[_Reign] = []
    for reign in reversed(reigns):
        if reign.started:
            fruitless.append(reign)
        if reign.settled:
            break
    for place in fruitless[0].started if fruitless else ():
        row = [place in reign.started for reign in fruitless]
        run = row.index(False) if False in row else len(row)
        if run >= OWNERS_RUNNING:
            recovered.suspects.add(place)
        done = recovered.settled.get(place, 0)
        # Each that came after the suspicion sent one message at a time; its last one ended it.
        for reign in fruitless[: max(0, run - OWNERS_RUNNING)]:
            last = reign.started[place]
            if last.bit_count() == 1 and last & ~done:
                recovered.crashed[place] = recovered.crashed.get(place, 0) | last
