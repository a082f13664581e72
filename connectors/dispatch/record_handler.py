"""Records of `dispatch-<lane>` become batches at their carriers.

In: records as read, owned partitions, what was settled long ago. Out: batches of exactly the positions that this owner does
not know yet; outcomes for what a lost owner left: marketing is not sent again, the urgent lanes once more; what was started
by two owners stays uncertain. Dead letters: records that cannot be decoded, slices that contradict themselves, columns that
do not open, messages that end whichever process sends them. Slices of a carrier that is not known wait for the
configuration, then go back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from connectors.dispatch.attempt_records import settled_alike, settled_unopened
from connectors.dispatch.batch_outcomes import Outcome
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.send_progress import SendKey
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.security.sealing import Sealer, UnsealError
from schemas.records.codec import DecodeError, decode_as, encode
from schemas.records.slice import RecordError, Slice, check_slice
from schemas.records.wire import Envelope
from schemas.values.call_outcome import CallOutcome
from schemas.values.lanes import SENT_ONCE_MORE, Lane
from schemas.values.positions import ranks_within
from schemas.values.reasons import Reason

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHandlerCalls:
    """`find_settled`: positions settled long ago, by (chunk, send). `enqueue`: give a batch to its carrier. `dead_letter`:
    (record, fault, code, what to do once it is safe)."""

    find_settled: Callable[[Sequence[Slice], Lane], Awaitable[dict[SendKey, int]]]
    enqueue: Callable[[OwnedPartition, SendBatch], None]
    dead_letter: Callable[[ConsumerRecord, Exception, Reason, Callable[[], None]], None]


class CrashLoop(RuntimeError):
    """Whichever process sends a message ends without an answer."""


class RecordHandler:
    """Handles one batch of records after the other."""

    def __init__(
        self,
        owned_partitions: Mapping[PartitionKey, OwnedPartition],
        calls: RecordHandlerCalls,
        sealer: Sealer,
        now: Callable[[], int],
    ) -> None:
        self._owned_partitions = owned_partitions
        self._calls = calls
        self._sealer = sealer
        self._now = now

    async def handle(self, records: Sequence[ConsumerRecord]) -> None:
        """Handle records as they were read together."""
        opened = [
            (record, owned, _decode(record))
            for record in records
            if (owned := self._owned_partitions.get((record.topic, record.partition))) is not None
        ]
        # A slice that contradicts itself is left out: the query could fail because of it, and with it that of all others.
        await self._mark_settled_before(
            [(owned, slice_) for _, owned, slices in opened for slice_ in slices or () if not _contradiction(slice_)]
        )
        for record, owned, slices in opened:
            if not owned.closed and self._owned_partitions.get((record.topic, record.partition)) is owned:
                self._handle_record(record, owned, slices)

    async def _mark_settled_before(self, arrived: Sequence[tuple[OwnedPartition, Slice]]) -> None:
        """Mark what was settled long ago, of sends that memory and log do not know."""
        by_lane: dict[Lane, dict[SendKey, tuple[OwnedPartition, Slice]]] = {}
        for owned, slice_ in arrived:
            send_key = (slice_.chunk, slice_.send)
            if slice_.positions & ~owned.progress.known(send_key):
                by_lane.setdefault(owned.lane, {})[send_key] = (owned, slice_)
        for lane, unknown in by_lane.items():
            found = await self._calls.find_settled([slice_ for _, slice_ in unknown.values()], lane)
            for send_key, positions in found.items():
                owned = unknown[send_key][0]
                # PostgreSQL knows what was started; the log knows which of that still has to be settled or sent.
                left_open = owned.recovered.left_open(send_key)
                if positions & ~left_open:
                    owned.progress.mark(send_key, positions & ~left_open)

    def _handle_record(self, record: ConsumerRecord, owned: OwnedPartition, slices: list[Slice] | None) -> None:
        offset = record.offset
        if slices is None:
            owned.offsets.track(offset, 1)
            self._calls.dead_letter(
                record, DecodeError("not an envelope"), Reason.UNDECODABLE, lambda: owned.offsets.settle(offset, 1)
            )
            return
        claimed: list[tuple[Slice, int]] = []
        broken: list[tuple[Slice, str]] = []
        for slice_ in slices:
            fault = _contradiction(slice_)
            if fault:
                broken.append((slice_, fault))
            else:
                claimed.append((slice_, owned.progress.claim((slice_.chunk, slice_.send), slice_.positions)))
        owned.offsets.track(offset, len(broken) + sum(claimed_positions.bit_count() for _, claimed_positions in claimed))
        for slice_, contradiction in broken:
            self._calls.dead_letter(
                record._replace(value=encode(Envelope(slices=[slice_]))),
                RecordError(contradiction),
                Reason.POISON,
                lambda: owned.offsets.settle(offset, 1),
            )
        for slice_, claimed_positions in claimed:
            if claimed_positions:
                owned.note_open(slice_.carrier or "", claimed_positions.bit_count())
                self._enqueue_slice(record, owned, slice_, claimed_positions)

    def _enqueue_slice(self, record: ConsumerRecord, owned: OwnedPartition, slice_: Slice, claimed_positions: int) -> None:
        send_key, past = (slice_.chunk, slice_.send), owned.recovered
        crashed = past.crashed.get(send_key, 0) & claimed_positions
        twice = past.twice.get(send_key, 0) & claimed_positions & ~crashed
        once = past.once.get(send_key, 0) & claimed_positions & ~crashed
        lost = twice if owned.lane in SENT_ONCE_MORE else twice | once
        try:
            batch = SendBatch(
                slice_,
                claimed_positions & ~crashed & ~lost,
                record.offset,
                slice_.carrier or "",
                self._sealer,
                one_at_a_time=send_key in past.suspects,
            )
        except UnsealError as fault:
            self._dead_letter_unopened(record, owned, slice_, claimed_positions, fault)
            return
        if again := once & ~lost:
            batch.second_tries = dict.fromkeys(ranks_within(slice_.positions, again), Reason.OWNER_LOST)
        if crashed:
            self._dead_letter_crashed(record, owned, batch, crashed)
        if lost:
            self._write_settled(owned, batch, lost, Outcome(outcome=CallOutcome.UNCERTAIN, reason=Reason.OWNER_LOST))
        if batch.waiting:
            self._calls.enqueue(owned, batch)

    def _write_settled(self, owned: OwnedPartition, batch: SendBatch, positions: int, outcome: Outcome) -> None:
        ranks = ranks_within(batch.slice.positions, positions)
        record = settled_alike(batch, ranks, outcome, self._sealer, epoch=owned.log.epoch, at=self._now())
        owned.write_settled(record, batch.offset)

    def _dead_letter_unopened(
        self, record: ConsumerRecord, owned: OwnedPartition, slice_: Slice, claimed_positions: int, fault: UnsealError
    ) -> None:
        settled = settled_unopened(slice_, claimed_positions, epoch=owned.log.epoch, at=self._now())
        self._calls.dead_letter(
            record._replace(value=encode(Envelope(slices=[slice_]))),
            fault,
            Reason.POISON,
            lambda: owned.write_settled(settled, record.offset),
        )

    def _dead_letter_crashed(self, record: ConsumerRecord, owned: OwnedPartition, batch: SendBatch, crashed: int) -> None:
        outcome = Outcome(outcome=CallOutcome.FAILED, reason=Reason.CRASH_LOOP)
        narrowed = self._sealer.narrow(batch.slice, crashed)
        fault = CrashLoop(f"whichever process sends this message of {batch.slice.chunk} ends without an answer")
        self._calls.dead_letter(
            record._replace(value=encode(Envelope(slices=[narrowed]))),
            fault,
            Reason.CRASH_LOOP,
            lambda: self._write_settled(owned, batch, crashed, outcome),
        )


def _contradiction(slice_: Slice) -> str:
    """How this slice contradicts itself; empty for a sound one."""
    try:
        check_slice(slice_)
    except RecordError as fault:
        return str(fault)
    return ""


def _decode(record: ConsumerRecord) -> list[Slice] | None:
    """The slices of a record; None when it is no envelope."""
    try:
        return decode_as(record.value, Envelope).slices
    except DecodeError as fault:
        log.warning(
            "a record that is no envelope becomes a dead letter",
            action="dead_letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=str(fault),
        )
        return None
