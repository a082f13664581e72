"""The log of carrier calls, seen as a whole: what was accepted twice, what was started again, how fast it went.

In: `attempts-<lane>`, in the order of each partition. Out: for each chunk, as bitmaps, what carriers took, what failed,
what is or was uncertain, what was taken twice and what was started again without need; segments per carrier and second,
and of its longest message.

A `Started` of an epoch older than the partition's newest owner was never acted on (its writer stopped before the first
byte) and is passed over. `not_submitted` undoes the starts of its own owner, unless a newer one stands between. otp and
transactional messages may be started once more after they were uncertain (`unanswered`, or started by an owner that was
replaced before their answer); then two answers are no fault, a third start is. A marketing message may not: its second
start is a fault. What is `uncertain` is concluded: no lane starts it again under this send number.

The sends of one chunk may stand in several partitions, where they went to several carriers, and these are read in any order:
what was taken under a send number speaks of starts under later ones, whichever is read first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.kafka.records import ConsumerRecord
from infra.verify.accepted import Key
from infra.verify.horizon import Horizon
from schemas.records.codec import DecodeError, decode
from schemas.records.topics import attempts
from schemas.records.wire import Owner, Settled, Started, Verdict
from schemas.values.call_outcome import CallOutcome
from schemas.values.lanes import SENT_ONCE_MORE, Lane
from schemas.values.positions import ranks_within

TAKEN = frozenset({CallOutcome.SENT, CallOutcome.PARTIAL})
UNSURE = frozenset({CallOutcome.UNCERTAIN, CallOutcome.UNANSWERED})


@dataclass(slots=True)
class SendLog:
    """One (chunk, send): positions started by which epoch, answered, uncertain; `doubted`: of these the ones that were to
    go out once more; `concluded`: those that were not."""

    starts: dict[int, int] = field(default_factory=dict)
    final: int = 0
    uncertain: int = 0
    doubted: int = 0
    concluded: int = 0

    def tried_twice(self, epoch: int) -> int:
        """Positions that nobody may start again: two tries of other owners, or of this one, came to nothing certain."""
        once, twice = self.doubted, self.concluded
        for other, positions in self.starts.items():
            if other != epoch:
                twice |= once & positions
                once |= positions
        return twice


@dataclass(slots=True)
class ChunkCalls:
    """One chunk over all its sends."""

    lane: str
    size: int
    sends: dict[int, SendLog] = field(default_factory=dict)
    taken: int = 0
    taken_twice: int = 0
    started_again: int = 0
    ever_uncertain: int = 0
    took: dict[int, int] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)
    answered: int = 0

    @property
    def open(self) -> int:
        """Started under some send, and without an answer there."""
        out = 0
        for log in self.sends.values():
            for positions in log.starts.values():
                out |= positions & ~log.final
        return out

    def taken_before(self, send: int) -> int:
        """Positions that were taken under this send number or an earlier one."""
        out = 0
        for other, positions in self.took.items():
            out |= positions if other <= send else 0
        return out

    def started_behind(self, send: int) -> int:
        """Positions that were started under a later send number."""
        out = 0
        for other, log in self.sends.items():
            if other > send:
                for positions in log.starts.values():
                    out |= positions
        return out

    @property
    def due(self) -> int:
        """What is to be charged: taken in an answer that must have had its effect, and never uncertain."""
        out = 0
        for positions in self.sent.values():
            out |= positions
        return out & ~self.ever_uncertain

    @property
    def touched(self) -> int:
        """Every position of which the log speaks."""
        out = 0
        for log in self.sends.values():
            out |= log.final | log.uncertain
            for positions in log.starts.values():
                out |= positions
        return out


class CallLog:
    """All chunks; `pace`: carrier → second → segments; `longest`: carrier → segments of one message."""

    def __init__(self) -> None:
        self.chunks: dict[Key, ChunkCalls] = {}
        self.pace: dict[str, dict[int, int]] = {}
        self.longest: dict[str, int] = {}
        self.horizon = Horizon()
        self._owners: dict[tuple[str, int], int] = {}

    def read(self, entry: ConsumerRecord, *, judged: bool = True) -> None:
        """One record; poison is passed over. `judged`: state and money must have followed it by now."""
        self.horizon.read(entry)
        try:
            record = decode(entry.value)
        except DecodeError:
            return
        place = (entry.topic, entry.partition)
        match record:
            case Owner():
                self._owners[place] = entry.offset
            case Started() if record.epoch >= self._owners.get(place, -1):
                self._start(record)
            case Settled():
                self._settle(record, judged, late=record.epoch < self._owners.get(place, -1))
            case _:
                return

    def _of(self, record: Started | Settled) -> tuple[ChunkCalls, SendLog]:
        chunk = self.chunks.setdefault((record.tenant, record.chunk), ChunkCalls(record.lane, record.size))
        return chunk, chunk.sends.setdefault(record.send, SendLog())

    def _start(self, r: Started) -> None:
        chunk, log = self._of(r)
        again = r.positions & (chunk.taken_before(r.send) | log.final)
        before = 0
        for epoch, positions in log.starts.items():
            before |= positions if epoch != r.epoch else 0
        open_before = r.positions & before & ~log.final
        chunk.ever_uncertain |= open_before
        if r.lane in SENT_ONCE_MORE:
            again = again & ~chunk.ever_uncertain | r.positions & log.tried_twice(r.epoch) & ~log.final
        else:
            again |= open_before | (r.positions & log.uncertain & ~log.final)
        chunk.started_again |= again
        log.starts[r.epoch] = log.starts.get(r.epoch, 0) | r.positions

    def _settle(self, r: Settled, judged: bool, *, late: bool) -> None:
        chunk, log = self._of(r)
        for verdict in r.verdicts:
            if verdict.outcome == CallOutcome.NOT_SUBMITTED:
                if not late:
                    log.starts[r.epoch] = log.starts.get(r.epoch, 0) & ~verdict.positions
                continue
            if verdict.outcome in UNSURE:
                self._doubt(chunk, log, r, verdict, late)
                continue
            if late and r.lane in SENT_ONCE_MORE:
                chunk.ever_uncertain |= verdict.positions  # to the owner that read the log without it they were
            if verdict.outcome in TAKEN:
                twice = verdict.positions & chunk.taken
                chunk.taken_twice |= twice & ~chunk.ever_uncertain if r.lane in SENT_ONCE_MORE else twice
                chunk.taken |= verdict.positions
                chunk.took[r.send] = chunk.took.get(r.send, 0) | verdict.positions
                if len(chunk.sends) > 1:
                    chunk.started_again |= verdict.positions & chunk.started_behind(r.send) & ~chunk.ever_uncertain
                if judged:
                    chunk.sent[r.send] = chunk.sent.get(r.send, 0) | verdict.positions
                    chunk.answered |= verdict.positions
            elif verdict.outcome == CallOutcome.FAILED:
                chunk.answered |= verdict.positions if judged else 0
            log.final |= verdict.positions
            self._count(r, verdict.positions)

    def _doubt(self, chunk: ChunkCalls, log: SendLog, r: Settled, verdict: Verdict, late: bool) -> None:
        unsure = verdict.positions & ~log.final
        log.uncertain |= unsure
        chunk.ever_uncertain |= unsure
        if verdict.outcome == CallOutcome.UNANSWERED:
            log.doubted |= verdict.positions
            log.starts[r.epoch] = log.starts.get(r.epoch, 0) & ~verdict.positions
        elif not late:
            log.concluded |= verdict.positions

    def _count(self, r: Settled, positions: int) -> None:
        if len(r.segments) == r.positions.bit_count():
            segments = sum(r.segments[i] for i in ranks_within(r.positions, positions & r.positions))
            self.longest[r.carrier] = max(self.longest.get(r.carrier, 1), *r.segments)
            seconds = self.pace.setdefault(r.carrier, {})
            seconds[r.at // 1000] = seconds.get(r.at // 1000, 0) + segments


TOPICS = tuple(attempts(lane) for lane in Lane)
