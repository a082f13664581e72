"""The stage receipts: what carriers report becomes states and public events, one per message.

In: `carrier-receipts`. Out: `message-events-<lane>`, `delivery-receipts`, `usage` for uncertain messages that were taken
after all. Receipts whose message dispatch did not know are looked up; those that nobody knows yet are parked by the look-up
and come back. A message of several segments is delivered when all are, undelivered when one is, unless its carrier sends
one receipt for all. Guarantee: at least once; what was written a moment ago for the same message and state is not written
again. With PostgreSQL away the batch waits if it needs it (`PortDown`). A state that no table lists becomes a dead letter,
alone, as is a receipt that cannot be handled. Carriers' text is made fit once more as it enters: state and public event
then say the same.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from operator import is_

import msgspec

from infra.kafka.records import ConsumerRecord
from schemas.records.codec import decode_as, encode
from schemas.records.slice import RecordError, check_names
from schemas.records.splits import split
from schemas.records.wire import NO_TIME, CarrierReceipts, Record
from schemas.rules.message_end import StateReached
from schemas.values.foreign_text import CODE_LENGTH, EARLIEST_MS, ID_LENGTH, LATEST_MS, fit_column
from schemas.values.lanes import Lane
from schemas.values.positions import places, positions_of
from schemas.values.reasons import Reason
from schemas.values.status import Status
from streams.cover import check_cover
from streams.handler import Item, Unusable, Written
from streams.output_batch import OutputBatch
from streams.ports import Config, Refs, Sealing, SegmentReceipt
from streams.receipts import interpret_states
from streams.receipts.receipt_block import ReceiptBlock, block_of, blocks_of_found, unknown_receipts
from streams.receipts.verdicts import ChangesNothing, Delivered, Undelivered, UnknownState

REMEMBERED = 20_000

Key = tuple[str, int, Status]
"""Chunk, send number and state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptsPorts:
    """Everything that the stage asks."""

    config: Config
    sealing: Sealing
    refs: Refs
    clock: Callable[[], int]


class ReceiptsHandler:
    """The stage at work; it remembers which (chunk, send, state) it wrote lately, as sets of positions. `topics`: what
    it may write."""

    def __init__(self, ports: ReceiptsPorts, topics: Collection[str]) -> None:
        self._ports = ports
        self._topics = topics
        self._recent: OrderedDict[Key, int] = OrderedDict()

    def open(self, record: ConsumerRecord) -> list[Item]:
        """The record itself."""
        return [Item(record, 0, fit_receipts(decode_as(record.value, CarrierReceipts)))]

    def check(self, item: Item) -> None:
        """Columns of one length, names that can be keys."""
        check_receipts(item.content)

    def split(self, item: Item) -> list[Record]:
        """The earlier and the later half of its receipts."""
        return split(item.content, self._ports.sealing)

    def wrap(self, item: Item) -> bytes | None:
        """The record as it is, or the piece of one."""
        return encode(item.content) if item.cut else item.source.value

    async def handle(self, items: Sequence[Item]) -> Written:
        """One batch."""
        outputs = OutputBatch(self._ports.clock(), self._topics)
        blocks = [block_of(item, self._ports.sealing) for item in items if item.content.chunk is not None]
        receipts, unusable = unknown_receipts([item for item in items if item.content.chunk is None])
        if receipts:
            found = await self._ports.refs.lookup([receipt for _, receipt in receipts], outputs.now)
            blocks += blocks_of_found(receipts, found)
        written: dict[Key, int] = {}
        for block, whole in zip(blocks, await self._whole_messages(blocks), strict=True):
            unusable += self._write(outputs, block, whole, written)
        return replace(outputs.written(), unusable=unusable, remember=lambda: self._remember(written))

    async def _whole_messages(self, blocks: Sequence[ReceiptBlock]) -> list[dict[int, Reason | None]]:
        """For each block, what has become of the messages of several segments, by entry."""
        out: list[dict[int, Reason | None]] = [{} for _ in blocks]
        asks: list[tuple[int, int, SegmentReceipt]] = []
        for n, block in enumerate(blocks):
            if max(block.segments, default=1) > 1 and not self._reports_once(block.carrier):
                asks += [
                    (n, entry, block.segment_receipt(entry))
                    for entry, count in enumerate(block.segments)
                    if count > 1 and interpret_states.changes(block.states[entry])
                ]
        if asks:
            answers = await self._ports.refs.record_segments([ask for _, _, ask in asks])
            for (n, entry, _), states in zip(asks, answers, strict=True):
                out[n][entry] = interpret_states.whole_message(states, blocks[n].segments[entry])
        return out

    def _reports_once(self, carrier: str) -> bool:
        row = self._ports.config.carriers.get(carrier)
        return row is not None and row.one_receipt_for_all_parts

    def _write(
        self, outputs: OutputBatch, block: ReceiptBlock, whole: dict[int, Reason | None], written: dict[Key, int]
    ) -> list[Unusable]:
        verdicts = interpret_states.decide(block.states, whole)
        check_cover((1 << len(block.states)) - 1, [verdict.entries for verdict in verdicts])
        unusable: list[Unusable] = []
        for verdict in verdicts:
            match verdict:
                case Delivered(entries=entries):
                    self._write_state(outputs, block, places(entries), Status.DELIVERED, Reason.NONE, written)
                case Undelivered(entries=entries, reason=reason):
                    self._write_state(outputs, block, places(entries), Status.UNDELIVERED, reason, written)
                case UnknownState(entries=entries, detail=detail):
                    record = encode(block.only(places(entries), self._ports.sealing))
                    unusable.append(Unusable(block.item, record, Reason.UNDECODABLE, detail))
                case ChangesNothing():
                    pass
        return unusable

    def _write_state(
        self,
        outputs: OutputBatch,
        block: ReceiptBlock,
        entries: Sequence[int],
        status: Status,
        reason: Reason,
        written: dict[Key, int],
    ) -> None:
        """These entries' messages have reached a state; those that lately did are passed over."""
        key = (block.head.chunk, block.send, status)
        seen = self._recent.get(key, 0) | written.get(key, 0)
        new = positions_of([block.places[entry] for entry in entries]) & ~seen
        if not new:
            return
        written[key] = written.get(key, 0) | new
        if new.bit_count() != len(entries):
            entries = _first_of_each(block, entries, new)
        state = StateReached(
            head=block.head,
            send=block.send,
            status=status,
            reason=reason,
            carrier=block.carrier,
            price=block.price,
            attempt=block.attempts + 1,
            at=outputs.now,
            accepted_at=block.accepted_at,
        )
        _write_changes(outputs, block, state, entries, new)
        outputs.move_money(block.charge(entries, outputs.now))
        outputs.publish(state.public_events(block.receipt_columns(entries, state.occurred(block.at))))

    def _remember(self, written: dict[Key, int]) -> None:
        for key, positions in written.items():
            self._recent[key] = self._recent.pop(key, 0) | positions
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)


def fit_receipts(receipts: CarrierReceipts) -> CarrierReceipts:
    """The record with carriers' ids, states and codes as they can be kept, looked up and published."""
    ids, states = fit_column(receipts.ids, ID_LENGTH), fit_column(receipts.states, CODE_LENGTH)
    codes = fit_column(receipts.codes, CODE_LENGTH)
    done_at, done_texts = _fit_times(receipts.done_at), fit_column(receipts.done_texts, CODE_LENGTH)
    kept = (ids, states, codes, done_at, done_texts)
    if all(map(is_, kept, (receipts.ids, receipts.states, receipts.codes, receipts.done_at, receipts.done_texts))):
        return receipts
    return msgspec.structs.replace(receipts, ids=ids, states=states, codes=codes, done_at=done_at, done_texts=done_texts)


def _fit_times(column: bytes) -> bytes:
    """Times that no calendar has are unknown."""
    if not column or len(column) % 8:
        return column
    times = array("q", column)
    if min(times) >= EARLIEST_MS and max(times) <= LATEST_MS:
        return column
    kept = array("q", [time if EARLIEST_MS <= time <= LATEST_MS else NO_TIME for time in times]).tobytes()
    return column if kept == column else kept


def check_receipts(receipts: CarrierReceipts) -> None:
    """Raise RecordError unless every column has `count` entries."""
    count = receipts.count
    if count < 1:
        raise RecordError("count: a record of receipts has at least one")
    lengths: dict[str, float] = {
        "ids": receipts.ids.count("\n") + 1,
        "states": receipts.states.count("\n") + 1,
        "codes": receipts.codes.count("\n") + 1,
        "done_at": len(receipts.done_at) / 8,
        "to_hashes": len(receipts.to_hashes) / 8,
    }
    if receipts.done_texts:
        lengths["done_texts"] = receipts.done_texts.count("\n") + 1
    if receipts.chunk is not None:
        lengths |= {
            "places": len(receipts.places) / 2,
            "indexes": len(receipts.indexes) / 4,
            "segments": len(receipts.segments),
        }
    for name, length in lengths.items():
        if length != count:
            raise RecordError(f"{name}: {length:g} entries where {count} belong")
    if receipts.chunk is not None:
        if receipts.tenant is None or receipts.lane not in set(Lane):
            raise RecordError("chunk: without its tenant and lane")
        check_names(receipts.tenant, receipts.campaign, receipts.chunk)
        if max(array("H", receipts.places)) >= receipts.size:
            raise RecordError("places: beyond the chunk's size")


def _write_changes(outputs: OutputBatch, block: ReceiptBlock, state: StateReached, entries: Sequence[int], new: int) -> None:
    """The changes of state; carriers' codes are kept where something failed."""
    if state.status is Status.DELIVERED:
        outputs.record_change(block.head, state.change(new))
        return
    codes: dict[str | None, list[int]] = {}
    for entry in entries:
        codes.setdefault(block.codes[entry] or None, []).append(block.places[entry])
    for code, members in codes.items():
        outputs.record_change(block.head, state.change(positions_of(members), code=code))


def _first_of_each(block: ReceiptBlock, entries: Sequence[int], new: int) -> list[int]:
    """The first entry of each position in `new`."""
    first: dict[int, int] = {}
    for entry in entries:
        if new >> block.places[entry] & 1:
            first.setdefault(block.places[entry], entry)
    return list(first.values())
