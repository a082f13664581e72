"""Records of `dispatch-<lane>` become loads at their carriers.

In: messages as read, owned_partitions by place, the long window. Out: loads with exactly the positions that stand nowhere; conclusions
about what a lost owner left: marketing is not sent again, the urgent lanes once more; what was started by two owners stays
uncertain. Buried: records that cannot be decoded, slices that contradict themselves, columns that do not open, messages
that end whichever process sends them. Slices of a carrier that is not known wait for the configuration, then go back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from connectors.dispatch.consumer_thread import PartitionKey
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.send_batch import SendBatch
from connectors.dispatch.settling import Outcome, conclude, fail_unopened
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
    """`place`: hand a load to its carrier. `bury`: (message, its bytes, error class, code, text, what to do then)."""

    done: Callable[[Sequence[Slice], Lane], Awaitable[dict[Place, int]]]
    place: Callable[[OwnedPartition, SendBatch], None]
    bury: Callable[[Any, bytes | None, str, str, str, Callable[[], None]], None]


class Intake:
    """Batches are taken in one after the other."""

    def __init__(self, owned_partitions: Mapping[PartitionKey, OwnedPartition], calls: IntakeCalls, sealer: Sealer,
                 now: Callable[[], int]) -> None:
        self._homes = owned_partitions
        self._calls = calls
        self._sealer = sealer
        self._now = now

    async def take(self, messages: Sequence[Any]) -> None:
        """QueuedBatch in a batch as it came from Kafka."""
        opened = [(message, owned, _decode(message)) for message in messages
                  if (owned := self._homes.get((message.topic(), message.partition()))) is not None]
        # Nobody is asked about what contradicts itself: the question alone could fail, and with it that of all others.
        await self._strike([(owned, slice_) for _, owned, slices in opened for slice_ in slices or () if not _fault(slice_)])
        for message, owned, slices in opened:
            if not owned.closed and self._homes.get((message.topic(), message.partition())) is owned:
                self._take(message, owned, slices)

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

    def _take(self, message: Any, owned: OwnedPartition, slices: list[Slice] | None) -> None:
        offset = message.offset()
        if slices is None:
            owned.offsets.add(offset, 1)
            self._calls.bury(message, message.value(), "DecodeError", Reason.UNDECODABLE, "not an envelope",
                             lambda: owned.offsets.settle(offset, 1))
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
            self._calls.bury(message, encode(Envelope(slices=[slice_])), "RecordError", Reason.POISON, contradiction,
                             lambda: owned.offsets.settle(offset, 1))
        for slice_, fresh in claimed:
            if fresh:
                self._load(message, owned, slice_, fresh)

    def _load(self, message: Any, owned: OwnedPartition, slice_: Slice, fresh: int) -> None:
        place, past = (slice_.chunk, slice_.send), owned.recovered
        crashed = past.crashed.get(place, 0) & fresh
        twice = past.twice.get(place, 0) & fresh & ~crashed
        once = past.once.get(place, 0) & fresh & ~crashed
        lost = twice if owned.lane in SENT_ONCE_MORE else twice | once
        try:
            load = SendBatch(slice_, fresh & ~crashed & ~lost, message.offset(), slice_.carrier or "", self._sealer,
                        alone=place in past.suspects)
        except UnsealError as fault:
            self._bury(message, owned, slice_, fresh, fault)
            return
        if again := once & ~lost:
            load.again = dict.fromkeys(ranks_within(slice_.positions, again), Reason.OWNER_LOST)
        if crashed:
            self._bury_crashed(message, owned, load, crashed)
        if lost:
            self._conclude(owned, load, lost, Outcome(outcome="uncertain", reason=Reason.OWNER_LOST))
        if load.waiting:
            self._calls.place(owned, load)

    def _conclude(self, owned: OwnedPartition, load: SendBatch, positions: int, outcome: Outcome) -> None:
        ranks = ranks_within(load.slice.positions, positions)
        record = conclude(load, ranks, outcome, self._sealer, epoch=owned.log.epoch, at=self._now())
        owned.write_settled(record, load.offset)

    def _bury(self, message: Any, owned: OwnedPartition, slice_: Slice, fresh: int, fault: UnsealError) -> None:
        record = fail_unopened(slice_, fresh, epoch=owned.log.epoch, at=self._now())
        self._calls.bury(message, encode(Envelope(slices=[slice_])), type(fault).__name__, Reason.POISON, str(fault),
                         lambda: owned.write_settled(record, message.offset()))

    def _bury_crashed(self, message: Any, owned: OwnedPartition, load: SendBatch, crashed: int) -> None:
        outcome = Outcome(outcome="failed", reason=Reason.CRASH_LOOP)
        narrowed = self._sealer.narrow(load.slice, crashed)
        self._calls.bury(message, encode(Envelope(slices=[narrowed])), "CrashLoop", Reason.CRASH_LOOP,
                         f"whichever process sends this message of {load.slice.chunk} ends without an answer",
                         lambda: self._conclude(owned, load, crashed, outcome))


def _fault(slice_: Slice) -> str:
    """What this slice contradicts itself in; empty for a sound one."""
    try:
        check_slice(slice_)
    except RecordError as fault:
        return str(fault)
    return ""


def _decode(message: Any) -> list[Slice] | None:
    """The slices of a record; None when it is none."""
    try:
        return decode_as(message.value(), Envelope).slices
    except DecodeError as fault:
        log.warning("a record that is no envelope is buried", action="buried", topic=message.topic(),
                    partition=message.partition(), offset=message.offset(), error=str(fault))
        return None
