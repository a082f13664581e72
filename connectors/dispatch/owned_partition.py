"""One partition of a lane that this process owns: its log of calls, its table, its offsets.

In: what the carriers' senders start, settle and give up. Out: records of `attempts-<lane>`, and, once they stand there,
rows closed and offsets settled. `closed` owned_partitions write nothing and call nobody back: their messages belong to
someone else. A owned that is `leaving` starts nothing and settles what is in flight.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from connectors.dispatch.log import AttemptLog
from connectors.dispatch.recovery import Recovered
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.send_progress import OffsetTracker, SendProgress
from connectors.dispatch.settling import Answers, Outcome, settle
from infra.security.sealing import Sealer
from schemas.records.wire import Returned, Settled, Started
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

Note = Callable[[tuple[str, int], int], None]
"""Remember in the long window that these positions of (chunk, send) are settled."""


class OwnedPartition:
    """`now` in milliseconds since the epoch."""

    def __init__(
        self,
        lane: Lane,
        partition: int,
        log: AttemptLog,
        offsets: OffsetTracker,
        recovered: Recovered,
        sealer: Sealer,
        note: Note,
        now: Callable[[], int],
    ) -> None:
        self.lane = lane
        self.partition = partition
        self.log = log
        self.offsets = offsets
        self.recovered = recovered
        self.table = SendProgress()
        self.committed = -1
        self.leaving = False
        self._sealer = sealer
        self._note = note
        self._now = now
        for place, positions in recovered.settled.items():
            self.table.mark(place, positions)
            note(place, positions)
        for offset, log_place in recovered.first_place.items():
            offsets.place(offset, log_place)

    @property
    def closed(self) -> bool:
        """Whether somebody else owns it now."""
        return self.log.fenced

    @property
    def done_for(self) -> bool:
        """Whether nothing new of it may be started."""
        return self.leaving or self.log.fenced

    def close(self) -> None:
        """This process owns it no more."""
        self.log.close()

    def start(self, load: SendBatch, ranks: list[int], go: Callable[[], None]) -> None:
        """Note that these messages are about to go out; `go` when that stands in the log."""
        slice_ = load.slice
        record = Started(
            epoch=self.log.epoch,
            carrier=load.facts.carrier,
            tenant=slice_.tenant,
            campaign=slice_.campaign,
            chunk=slice_.chunk,
            part=slice_.part,
            size=slice_.size,
            lane=slice_.lane,
            send=slice_.send,
            round=slice_.round,
            price_class=slice_.price_class,
            attempts=slice_.attempts,
            positions=load.facts.positions(ranks),
            dispatch_offset=load.offset,
            at=self._now(),
        )

        def stands(log_place: int) -> None:
            self.offsets.place(load.offset, log_place)
            go()

        self.log.write(slice_.chunk, record, stands)

    def settle(self, load: SendBatch, answers: Answers, back: Callable[[list[int]], None]) -> None:
        """Note what came of these messages; `back` with the ranks that go out again when that stands in the log.

        Trap: they go again only then. A word that they were not taken behind their next start would undo that one too.
        """
        record = settle(load, answers, self._sealer, epoch=self.log.epoch, at=self._now())
        again = answers.going_again()
        load.landed(len(answers) - len(again))
        undone = load.facts.positions(again) if again else 0
        self._write(record, load.place, record.positions & ~undone, load.offset, partial(back, again) if again else None)

    def settle_late(self, load: SendBatch, answers: Answers) -> None:
        """Note what came of messages that were settled as uncertain before."""
        record = settle(load, answers, self._sealer, epoch=self.log.epoch, at=self._now())
        self._write(record, load.place, 0, load.offset)

    def write_settled(self, record: Settled, offset: int) -> None:
        """Note a record that settles positions of this dispatch offset."""
        self._write(record, (record.chunk, record.send), record.positions, offset)

    def give_up(self, load: SendBatch, reason: Reason) -> None:
        """Hand back everything of this load that waits; what the carrier may have from a first try is uncertain."""
        ranks = sorted(load.take_all())
        if unsure := {rank: load.again.pop(rank) for rank in ranks if rank in load.again}:
            outcomes = {rank: Outcome(outcome="uncertain", reason=why) for rank, why in unsure.items()}
            self.settle(load, Answers(other=outcomes), lambda _ranks: None)
            ranks = [rank for rank in ranks if rank not in unsure]
        if not ranks:
            return
        positions = load.facts.positions(ranks)
        load.landed(len(ranks))
        rest = self._sealer.narrow(load.slice, positions)
        record = Returned(epoch=self.log.epoch, carrier=load.facts.carrier, reason=str(reason), at=self._now(), rest=rest)
        self._write(record, load.place, positions, load.offset)

    def _write(
        self,
        record: Settled | Returned,
        place: tuple[str, int],
        positions: int,
        offset: int,
        then: Callable[[], None] | None = None,
    ) -> None:
        """`positions`: those that are at their end here with this record."""
        count = positions.bit_count()

        def stands(log_place: int) -> None:
            self.offsets.place(offset, log_place)
            if count:
                self._note(place, positions)
                self.table.close(place, count)
                self.offsets.settle(offset, count)
            if then is not None:
                then()

        self.log.write(place[0], record, stands)
