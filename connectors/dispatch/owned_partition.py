"""One partition of a lane that this process owns: its log of calls, the progress of its sends, its offsets.

In: what the carriers' senders start, settle and hand back. Out: records of `attempts-<lane>` and, once they are
acknowledged, sends closed and offsets settled. A `closed` partition writes nothing and calls nobody back: its messages
belong to somebody else. One that is `leaving` starts nothing and settles what is in flight.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from connectors.dispatch.attempt_log import AttemptLog
from connectors.dispatch.attempt_records import StrategyOf, settled_record, started_record
from connectors.dispatch.batch_outcomes import BatchOutcomes, Outcome
from connectors.dispatch.log_recovery import Recovered
from connectors.dispatch.offset_tracker import OffsetTracker
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.send_progress import SendKey, SendProgress
from infra.security.sealing import Sealer
from schemas.records.wire import Returned, Settled
from schemas.values.call_outcome import CallOutcome
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason

RememberSettled = Callable[[SendKey, int], None]
"""Remember beyond memory and log that these positions of (chunk, send) are settled."""


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
        remember_settled: RememberSettled,
        now: Callable[[], int],
        strategy_of: StrategyOf = lambda _: None,
    ) -> None:
        self.lane = lane
        self.partition = partition
        self.log = log
        self.offsets = offsets
        self.recovered = recovered
        self.progress = SendProgress()
        self.committed = -1
        self._open_at: dict[str, int] = {}  # by carrier, positions that are read and not done
        self.leaving = False
        self._sealer = sealer
        self._remember_settled = remember_settled
        self._now = now
        self._strategy_of = strategy_of
        for send_key, positions in recovered.settled.items():
            self.progress.mark(send_key, positions)
            remember_settled(send_key, positions)
        for offset, log_offset in recovered.first_log_offset.items():
            offsets.note_log_offset(offset, log_offset)

    @property
    def closed(self) -> bool:
        """Whether somebody else owns it now."""
        return self.log.fenced

    @property
    def starts_nothing(self) -> bool:
        """Whether no further message of it may be started."""
        return self.leaving or self.log.fenced

    def open_at(self, carrier: str) -> int:
        """Positions for this carrier that were read here and are not done yet."""
        return self._open_at.get(carrier, 0)

    def note_open(self, carrier: str, count: int) -> None:
        """So many positions for this carrier were read."""
        self._open_at[carrier] = self._open_at.get(carrier, 0) + count

    def close(self) -> None:
        """This process owns it no longer."""
        self.log.close()

    def write_started(self, batch: SendBatch, ranks: list[int], submit: Callable[[], None]) -> None:
        """Write that these messages are about to go out; `submit` is called when the log has acknowledged it."""
        record = started_record(batch, ranks, epoch=self.log.epoch, at=self._now())

        def on_written(log_offset: int) -> None:
            self.offsets.note_log_offset(batch.offset, log_offset)
            submit()

        self.log.write(record.chunk, record, on_written)

    def write_outcomes(self, batch: SendBatch, outcomes: BatchOutcomes, resend: Callable[[list[int]], None]) -> None:
        """Write what became of these messages; `resend` is called with the ranks that go out again, once that is
        acknowledged.

        Trap: not before. Behind their next start in the log, `not_submitted` would undo that one too.
        """
        record = self._settled(batch, outcomes)
        again = outcomes.ranks_to_retry()
        batch.end_in_flight(len(outcomes) - len(again))
        undone = batch.messages.positions(again) if again else 0
        self._write(
            record, batch.send_key, record.positions & ~undone, batch.offset, partial(resend, again) if again else None
        )

    def write_late_outcomes(self, batch: SendBatch, outcomes: BatchOutcomes) -> None:
        """Write what became of messages that were settled as uncertain before."""
        record = self._settled(batch, outcomes)
        self._write(record, batch.send_key, 0, batch.offset)

    def write_settled(self, record: Settled, offset: int) -> None:
        """Write a record that settles positions of this dispatch offset."""
        self._write(record, (record.chunk, record.send), record.positions, offset)

    def hand_back(self, batch: SendBatch, reason: Reason, positions: int = -1) -> None:
        """Hand back every message of this batch that waits, or those at these positions; those that a carrier may have from
        a first try are uncertain."""
        ranks = sorted(batch.take_waiting(positions))
        if unsure := {rank: batch.second_tries.pop(rank) for rank in ranks if rank in batch.second_tries}:
            outcomes = {rank: Outcome(outcome=CallOutcome.UNCERTAIN, reason=why) for rank, why in unsure.items()}
            self.write_outcomes(batch, BatchOutcomes(other=outcomes), lambda _ranks: None)
            ranks = [rank for rank in ranks if rank not in unsure]
        if not ranks:
            return
        given_up = batch.messages.positions(ranks)
        batch.end_in_flight(len(ranks))
        rest = self._sealer.narrow(batch.slice, given_up)
        record = Returned(
            epoch=self.log.epoch, carrier=batch.messages.carrier, reason=str(reason), at=self._now(), rest=rest
        )
        self._write(record, batch.send_key, given_up, batch.offset)

    def _settled(self, batch: SendBatch, outcomes: BatchOutcomes) -> Settled:
        epoch, at = self.log.epoch, self._now()
        return settled_record(batch, outcomes, self._sealer, epoch=epoch, at=at, strategy_of=self._strategy_of)

    def _write(
        self,
        record: Settled | Returned,
        send_key: SendKey,
        positions: int,
        offset: int,
        then: Callable[[], None] | None = None,
    ) -> None:
        """`positions`: those for which dispatch has nothing more to do once this record is acknowledged."""
        count = positions.bit_count()

        def on_written(log_offset: int) -> None:
            self.offsets.note_log_offset(offset, log_offset)
            if count:
                self._remember_settled(send_key, positions)
                self.progress.close(send_key, count)
                self.offsets.settle(offset, count)
                self._open_at[record.carrier] = self._open_at.get(record.carrier, 0) - count
            if then is not None:
                then()

        self.log.write(send_key[0], record, on_written)
