"""What a new owner makes of the log of calls that its predecessors left.

In: the records of one partition of `attempts-<lane>`, in their order, up to the new owner's own. Out: `Recovered`: by
(chunk, send) which positions are settled, which were tried once and never settled, which twice or more, which were not
submitted; chunks during which three owners in a row ended, and positions that, sent alone, ended one more. Pure.

A start repeated by the same owner counts once: that owner knew that its first one had not gone out. `not_submitted` undoes
the starts of its own owner before it, unless a newer owner's record stands between: that one has read the log without it,
and a record that came too late never makes a message go out. `unanswered` replaces the start that it speaks of: one of two
tries is over, nobody knows how; a start behind it is the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from connectors.dispatch.send_progress import SendKey
from schemas.records.wire import Owner, Record, Returned, Settled, Started
from schemas.values.call_outcome import CallOutcome
from schemas.values.reasons import Reason

OWNERS_RUNNING = 3
"""A chunk during which so many owners in a row have ended is sent message by message."""

LogEntry = tuple[int, Record]
"""(offset, record)."""
Starts = list[list[int]]
"""[epoch, at, positions that are not settled], in the order of the log."""


@dataclass(slots=True)
class Recovered:
    """What the log says, by (chunk, send); all values are sets of positions.

    `not_submitted`: positions whose every start was undone, to be sent as if never started. `crashed`: positions during
    which an owner ended although they were sent alone. `suspects` are to be sent one by one. `first_log_offset`: by
    dispatch offset, the first log offset that speaks of it.
    """

    settled: dict[SendKey, int] = field(default_factory=dict)
    once: dict[SendKey, int] = field(default_factory=dict)
    twice: dict[SendKey, int] = field(default_factory=dict)
    not_submitted: dict[SendKey, int] = field(default_factory=dict)
    suspects: set[SendKey] = field(default_factory=set)
    crashed: dict[SendKey, int] = field(default_factory=dict)
    first_log_offset: dict[int, int] = field(default_factory=dict)

    def send_keys(self) -> set[SendKey]:
        """Every (chunk, send) that the log speaks of."""
        return {*self.settled, *self.once, *self.twice}

    def left_open(self, send_key: SendKey) -> int:
        """Positions that were started and have no final outcome in the log."""
        return self.once.get(send_key, 0) | self.twice.get(send_key, 0) | self.not_submitted.get(send_key, 0)


def rebuild(log: Iterable[LogEntry]) -> Recovered:
    """Read the log."""
    recovered = Recovered()
    period = _OwnerPeriod(-1)
    periods = [period]
    open_: dict[SendKey, Starts] = {}
    unsettled_tries: dict[SendKey, int] = {}
    for offset, record in log:
        match record:
            case Owner():
                period = _OwnerPeriod(offset)
                periods.append(period)
            case Started():
                send_key = (record.chunk, record.send)
                recovered.first_log_offset.setdefault(record.dispatch_offset, offset)
                open_.setdefault(send_key, []).append([record.epoch, record.at, record.positions])
                period.started[send_key] = record.positions
            case Settled():
                send_key, undone, unsure = (record.chunk, record.send), not_submitted(record), unanswered(record)
                _settle(recovered, open_, send_key, record.positions & ~(undone | unsure))
                if unsure:
                    unsettled_tries[send_key] = unsettled_tries.get(send_key, 0) | unsure
                    _close_own(open_, send_key, unsure, record)
                if undone and record.epoch >= period.epoch:
                    _undo(recovered, open_, send_key, undone, record)
                    period.undo(send_key, undone)
                if answered(record):
                    period.settled = True
                    period.started.clear()
            case Returned():
                _settle(recovered, open_, (record.rest.chunk, record.rest.send), record.rest.positions)
            case _:
                continue
    for send_key in {**open_, **unsettled_tries}:
        _count_starts(
            recovered,
            send_key,
            open_.get(send_key, []),
            unsettled_tries.get(send_key, 0) & ~recovered.settled.get(send_key, 0),
        )
    _find_suspects(recovered, periods)
    return recovered


def not_submitted(record: Settled) -> int:
    """Positions that were started and that the carrier certainly does not have."""
    return sum([verdict.positions for verdict in record.verdicts if verdict.outcome == CallOutcome.NOT_SUBMITTED])


def unanswered(record: Settled) -> int:
    """Positions that the carrier may have and that go out once more."""
    return sum([verdict.positions for verdict in record.verdicts if verdict.outcome == CallOutcome.UNANSWERED])


def answered(record: Settled) -> bool:
    """Whether a carrier has answered here. What an owner concluded about its predecessor, and bytes that never left, do not
    show that a chunk can be sent without ending its owner."""
    return any(
        verdict.reason not in (Reason.OWNER_LOST, Reason.CRASH_LOOP)
        and (verdict.outcome != CallOutcome.NOT_SUBMITTED or verdict.reason == Reason.THROTTLED)
        for verdict in record.verdicts
    )


class _OwnerPeriod:
    """The time of one owner: whether anything was answered, and what it started after the last answer (of each (chunk,
    send) the last start)."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.started: dict[SendKey, int] = {}
        self.settled = False

    def undo(self, send_key: SendKey, positions: int) -> None:
        """These were started and did not go out: they cannot be why this owner ended."""
        left = self.started.get(send_key, 0) & ~positions
        if left:
            self.started[send_key] = left
        else:
            self.started.pop(send_key, None)


def _settle(recovered: Recovered, open_: dict[SendKey, Starts], send_key: SendKey, positions: int) -> None:
    if positions:
        recovered.settled[send_key] = recovered.settled.get(send_key, 0) | positions
        _close(open_, send_key, positions, lambda _epoch, _at: True)


def _undo(recovered: Recovered, open_: dict[SendKey, Starts], send_key: SendKey, positions: int, record: Settled) -> None:
    recovered.not_submitted[send_key] = recovered.not_submitted.get(send_key, 0) | positions
    _close_own(open_, send_key, positions, record)


def _close_own(open_: dict[SendKey, Starts], send_key: SendKey, positions: int, record: Settled) -> None:
    # A record may be in the log twice, the second time behind the next start, which is younger: that one it does not mean.
    _close(open_, send_key, positions, lambda epoch, at: epoch == record.epoch and at <= record.at)


def _close(open_: dict[SendKey, Starts], send_key: SendKey, positions: int, fits: Callable[[int, int], bool]) -> None:
    starts = open_.get(send_key, [])
    for start in starts:
        if fits(start[0], start[1]):
            start[2] &= ~positions
    open_[send_key] = [start for start in starts if start[2]]


def _count_starts(recovered: Recovered, send_key: SendKey, starts: Starts, unsettled_tries: int) -> None:
    by_epoch: dict[int, int] = {}
    for epoch, _, positions in starts:
        by_epoch[epoch] = by_epoch.get(epoch, 0) | positions
    once, twice = unsettled_tries, 0
    for positions in by_epoch.values():
        twice |= once & positions
        once |= positions
    if once & ~twice:
        recovered.once[send_key] = once & ~twice
    if twice:
        recovered.twice[send_key] = twice
    if undone := recovered.not_submitted.pop(send_key, 0) & ~(once | recovered.settled.get(send_key, 0)):
        recovered.not_submitted[send_key] = undone


def _find_suspects(recovered: Recovered, periods: Sequence[_OwnerPeriod]) -> None:
    """Look at the newest owners in a row that started something and ended, without any answer in between."""
    fruitless: list[_OwnerPeriod] = []
    for period in reversed(periods):
        if period.started:
            fruitless.append(period)
        if period.settled:
            break
    for send_key in fruitless[0].started if fruitless else ():
        row = [send_key in period.started for period in fruitless]
        run = row.index(False) if False in row else len(row)
        if run >= OWNERS_RUNNING:
            recovered.suspects.add(send_key)
        done = recovered.settled.get(send_key, 0)
        # Owners that suspected the chunk sent one message at a time: each ended with the last one it started.
        for period in fruitless[: max(0, run - OWNERS_RUNNING)]:
            last = period.started[send_key]
            if last.bit_count() == 1 and last & ~done:
                recovered.crashed[send_key] = recovered.crashed.get(send_key, 0) | last
