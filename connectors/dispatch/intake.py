"""Records of `dispatch-<lane>` become loads at their carriers.

In: records as read, owned partitions, the long window. Out: loads with exactly the positions that stand nowhere; conclusions
about what a lost owner left: marketing is not sent again, the urgent lanes once more; what was started by two owners stays
uncertain. Buried: records that cannot be decoded, slices that contradict themselves, columns that do not open, messages
that end whichever process sends them. Slices of a carrier that is not known wait for the configuration, then go back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.settling import Outcome, conclude, fail_unopened
from infra.kafka.records import ConsumerRecord, PartitionKey
from infra.security.sealing import Sealer, UnsealError
from schemas.records.codec import DecodeError, decode_as, encode
from schemas.records.slice import RecordError, Slice, check_slice
from schemas.records.wire import Envelope
from schemas.values.lanes import SENT_ONCE_MORE, Lane
from schemas.values.positions import ranks_within
from schemas.values.reasons import Reason

log = structlog.get_logger()
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeCalls:
    """`place`: hand a load to its carrier. `dead_letter`: (record, fault, code, what to do then)."""

    done: Callable[[Sequence[Slice], Lane], Awaitable[dict[Place, int]]]
    place: Callable[[OwnedPartition, SendBatch], None]
    dead_letter: Callable[[ConsumerRecord, Exception, Reason, Callable[[], None]], None]


class CrashLoop(RuntimeError):
    """Whichever process sends a message ends without an answer."""


class Intake:
    """Batches are taken in one after the other."""

    def __init__(
        self,
        owned_partitions: Mapping[PartitionKey, OwnedPartition],
        calls: IntakeCalls,
        sealer: Sealer,
        now: Callable[[], int],
    ) -> None:
        self._homes = owned_partitions
        self._calls = calls
        self._sealer = sealer
        self._now = now

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """QueuedBatch in a batch as it came from Kafka."""
        opened = [
            (record, owned, _decode(record))
            for record in records
            if (owned := self._homes.get((record.topic, record.partition))) is not None
        ]
        # Nobody is asked about what contradicts itself: the question alone could fail, and with it that of all others.
        await self._strike([(owned, slice_) for _, owned, slices in opened for slice_ in slices or () if not _fault(slice_)])
        for record, owned, slices in opened:
            if not owned.closed and self._homes.get((record.topic, record.partition)) is owned:
                self._take(record, owned, slices)

    async def _strike(self, arrived: Sequence[tuple[OwnedPartition, Slice]]) -> None:
        """Mark what was settled long ago, of (chunk, send) that memory and log do not know."""
        by_lane: dict[Lane, dict[Place, tuple[OwnedPartition, Slice]]] = {}
        for owned, slice_ in arrived:
            place = (slice_.chunk, slice_.send)
            if slice_.positions & ~owned.table.known(place):
                by_lane.setdefault(owned.lane, {})[place] = (owned, slice_)
        for lane, unknown in by_lane.items():
            found = await self._calls.done([slice_ for _, slice_ in unknown.values()], lane)
            for place, positions in found.items():
                owned = unknown[place][0]
                # PostgreSQL knows what was started, the log which of that is still to be concluded or sent.
                left_open = owned.recovered.left_open(place)
                if positions & ~left_open:
                    owned.table.mark(place, positions & ~left_open)

    def _take(self, record: ConsumerRecord, owned: OwnedPartition, slices: list[Slice] | None) -> None:
        offset = record.offset
        if slices is None:
            owned.offsets.add(offset, 1)
            self._calls.dead_letter(
                record, DecodeError("not an envelope"), Reason.UNDECODABLE, lambda: owned.offsets.settle(offset, 1)
            )
            return
        claimed: list[tuple[Slice, int]] = []
        broken: list[tuple[Slice, str]] = []
        for slice_ in slices:
            fault = _fault(slice_)
            if fault:
                broken.append((slice_, fault))
            else:
                claimed.append((slice_, owned.table.claim((slice_.chunk, slice_.send), slice_.positions)))
        owned.offsets.add(offset, len(broken) + sum(fresh.bit_count() for _, fresh in claimed))
        for slice_, contradiction in broken:
            self._calls.dead_letter(
                record._replace(value=encode(Envelope(slices=[slice_]))),
                RecordError(contradiction),
                Reason.POISON,
                lambda: owned.offsets.settle(offset, 1),
            )
        for slice_, fresh in claimed:
            if fresh:
                self._load(record, owned, slice_, fresh)

    def _load(self, record: ConsumerRecord, owned: OwnedPartition, slice_: Slice, fresh: int) -> None:
        place, past = (slice_.chunk, slice_.send), owned.recovered
        crashed = past.crashed.get(place, 0) & fresh
        twice = past.twice.get(place, 0) & fresh & ~crashed
        once = past.once.get(place, 0) & fresh & ~crashed
        lost = twice if owned.lane in SENT_ONCE_MORE else twice | once
        try:
            load = SendBatch(
                slice_,
                fresh & ~crashed & ~lost,
                record.offset,
                slice_.carrier or "",
                self._sealer,
                alone=place in past.suspects,
            )
        except UnsealError as fault:
            self._bury(record, owned, slice_, fresh, fault)
            return
        if again := once & ~lost:
            load.again = dict.fromkeys(ranks_within(slice_.positions, again), Reason.OWNER_LOST)
        if crashed:
            self._bury_crashed(record, owned, load, crashed)
        if lost:
            self._conclude(owned, load, lost, Outcome(outcome="uncertain", reason=Reason.OWNER_LOST))
        if load.waiting:
            self._calls.place(owned, load)

    def _conclude(self, owned: OwnedPartition, load: SendBatch, positions: int, outcome: Outcome) -> None:
        ranks = ranks_within(load.slice.positions, positions)
        record = conclude(load, ranks, outcome, self._sealer, epoch=owned.log.epoch, at=self._now())
        owned.write_settled(record, load.offset)

    def _bury(self, record: ConsumerRecord, owned: OwnedPartition, slice_: Slice, fresh: int, fault: UnsealError) -> None:
        settled = fail_unopened(slice_, fresh, epoch=owned.log.epoch, at=self._now())
        self._calls.dead_letter(
            record._replace(value=encode(Envelope(slices=[slice_]))),
            fault,
            Reason.POISON,
            lambda: owned.write_settled(settled, record.offset),
        )

    def _bury_crashed(self, record: ConsumerRecord, owned: OwnedPartition, load: SendBatch, crashed: int) -> None:
        outcome = Outcome(outcome="failed", reason=Reason.CRASH_LOOP)
        narrowed = self._sealer.narrow(load.slice, crashed)
        fault = CrashLoop(f"whichever process sends this message of {load.slice.chunk} ends without an answer")
        self._calls.dead_letter(
            record._replace(value=encode(Envelope(slices=[narrowed]))),
            fault,
            Reason.CRASH_LOOP,
            lambda: self._conclude(owned, load, crashed, outcome),
        )


def _fault(slice_: Slice) -> str:
    """What this slice contradicts itself in; empty for a sound one."""
    try:
        check_slice(slice_)
    except RecordError as fault:
        return str(fault)
    return ""


def _decode(record: ConsumerRecord) -> list[Slice] | None:
    """The slices of a record; None when it is none."""
    try:
        return decode_as(record.value, Envelope).slices
    except DecodeError as fault:
        log.warning(
            "a record that is no envelope is buried",
            action="buried",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=str(fault),
        )
        return None
