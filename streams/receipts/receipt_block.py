"""Receipts of one chunk and send, as columns, wherever they came from: known to dispatch, or found by a look-up.

In: records of `carrier-receipts` and found messages. Out: blocks that know the columns of their public events and what to
charge. An entry is one receipt; `places` tells its position in the chunk. Sealed references that do not open raise
`UnsealError`. An entry of a record of unknown receipts whose state no table lists becomes a dead letter before anyone is
asked about it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.records.codec import encode
from schemas.records.splits import pick_receipts
from schemas.records.wire import NO_TIME, CarrierReceipts, Usage
from schemas.rules.message_end import ReceiptColumns, Reservation, usage_of
from schemas.values.ids import message_ids
from schemas.values.positions import positions_of
from schemas.values.reasons import Reason
from schemas.values.status import ReceiptStateError, receipt_outcome
from streams.handler import Item, Unusable
from streams.ports import Found, Sealing, SegmentReceipt, UnknownReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHead:
    """Which chunk it is."""

    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptBlock:
    """Columns by entry. `reservation`: to be charged, for messages that were uncertain."""

    item: Item
    head: BlockHead
    carrier: str
    send: int
    attempts: int
    price: int
    at: int
    places: Sequence[int]
    indexes: bytes
    segments: Sequence[int]
    ids: Sequence[str]
    states: Sequence[str]
    codes: Sequence[str]
    done_at: Sequence[int]
    done_texts: Sequence[str] | None
    accepted_at: int
    to_hashes: bytes
    refs: Sequence[str | None] | None
    reservation: Reservation | None = None

    def only(self, entries: Sequence[int], sealing: Sealing) -> CarrierReceipts:
        """The record that came, with these entries alone."""
        return pick_receipts(self.item.content, entries, sealing)

    def segment_receipt(self, entry: int) -> SegmentReceipt:
        """This entry as the receipt of one segment."""
        return SegmentReceipt(
            tenant=self.head.tenant,
            chunk=self.head.chunk,
            send=self.send,
            position=self.places[entry],
            id=self.ids[entry],
            state=self.states[entry],
        )

    def receipt_columns(self, entries: Sequence[int], occurred_at: int) -> ReceiptColumns:
        """What the public events of these entries say."""
        ids = message_ids(self.head.campaign, self.head.chunk, self.head.part, self.indexes)
        times = [occurred_at] * len(ids)
        written: list[int | str | None] = [None if done_at == NO_TIME else done_at for done_at in self.done_at]
        if self.done_texts is not None:
            written = [text or time for text, time in zip(self.done_texts, written, strict=True)]
        columns = ReceiptColumns(ids, self.to_hashes, times, self.refs, self.codes, self.ids, self.segments, written)
        return columns if len(entries) == len(self.places) else columns.pick(entries)

    def charge(self, entries: Sequence[int], at: int) -> Usage | None:
        """What was uncertain was taken after all: it is charged, once."""
        if self.reservation is None:
            return None
        segments = {self.places[n]: self.segments[n] for n in entries}
        members = sorted(segments)
        return usage_of(
            self.head,
            self.reservation,
            charged=positions_of(members),
            refunded=0,
            segments=bytes(segments[p] for p in members),
            at=at,
        )


def block_of(item: Item, sealing: Sealing) -> ReceiptBlock:
    """The block of a record whose chunk dispatch knew."""
    record: CarrierReceipts = item.content
    head = BlockHead(
        tenant=record.tenant or "",
        campaign=record.campaign,
        chunk=record.chunk or "",
        part=record.part,
        size=record.size,
        lane=record.lane or "",
    )
    refs = None
    if record.sealed_refs is not None:
        refs = sealing.unseal(
            record.sealed_refs, key_id=record.key_id, tenant=head.tenant, campaign=head.campaign, chunk=head.chunk
        ).refs
    return ReceiptBlock(
        item=item,
        head=head,
        carrier=record.carrier,
        send=record.send,
        attempts=record.attempts,
        price=record.price,
        at=record.at,
        places=array("H", record.places),
        indexes=record.indexes,
        segments=record.segments,
        ids=_first_forms(record.ids),
        states=record.states.split("\n"),
        codes=record.codes.split("\n"),
        done_at=array("q", record.done_at),
        done_texts=record.done_texts.split("\n") if record.done_texts else None,
        accepted_at=record.accepted_at,
        to_hashes=record.to_hashes,
        refs=refs,
    )


def unknown_receipts(items: Sequence[Item]) -> tuple[list[tuple[Item, UnknownReceipt]], list[Unusable]]:
    """The entries of records without a chunk, one by one; those that change nothing are left out."""
    receipts: list[tuple[Item, UnknownReceipt]] = []
    unusable: list[Unusable] = []
    for item in items:
        record: CarrierReceipts = item.content
        columns = zip(
            record.ids.split("\n"),
            record.states.split("\n"),
            record.codes.split("\n"),
            array("q", record.done_at),
            record.done_texts.split("\n") if record.done_texts else [""] * record.count,
            strict=True,
        )
        for n, (ids, state, code, done_at, done_text) in enumerate(columns):
            try:
                if receipt_outcome(state) is None:
                    continue
            except ReceiptStateError as fault:
                unusable.append(Unusable(item, encode(pick_receipts(record, [n], None)), Reason.UNDECODABLE, str(fault)))
                continue
            receipts.append(
                (
                    item,
                    UnknownReceipt(
                        carrier=record.carrier,
                        ids=tuple(ids.split(",")),
                        to_hash=record.to_hashes[8 * n : 8 * n + 8],
                        state=state,
                        code=code,
                        done_at=done_at,
                        done_text=done_text,
                    ),
                )
            )
    return receipts, unusable


def blocks_of_found(receipts: Sequence[tuple[Item, UnknownReceipt]], found: Sequence[Found | None]) -> list[ReceiptBlock]:
    """The found messages, those of one chunk, send and reservation together."""
    groups: dict[tuple[object, ...], list[tuple[Item, UnknownReceipt, Found]]] = {}
    for (item, receipt), message in zip(receipts, found, strict=True):
        if message is not None:
            key = (
                receipt.carrier,
                message.tenant,
                message.chunk,
                message.send,
                message.charge_round,
                message.price_class,
                message.lease,
            )
            groups.setdefault(key, []).append((item, receipt, message))
    return [_found_block(group) for group in groups.values()]


def _found_block(group: Sequence[tuple[Item, UnknownReceipt, Found]]) -> ReceiptBlock:
    item, receipt, first = group[0]
    head = BlockHead(
        tenant=first.tenant, campaign=first.campaign, chunk=first.chunk, part=first.part, size=first.size, lane=first.lane
    )
    return ReceiptBlock(
        item=item,
        head=head,
        carrier=receipt.carrier,
        send=first.send,
        attempts=first.attempts,
        price=first.price,
        at=item.content.at,
        places=[m.position for _, _, m in group],
        indexes=array("I", [m.index for _, _, m in group]).tobytes(),
        segments=[m.segments for _, _, m in group],
        ids=[m.id or r.ids[0] for _, r, m in group],
        states=[r.state for _, r, _ in group],
        codes=[r.code for _, r, _ in group],
        done_at=[r.done_at for _, r, _ in group],
        done_texts=[r.done_text for _, r, _ in group],
        accepted_at=first.accepted_at,
        to_hashes=b"".join(r.to_hash for _, r, _ in group),
        refs=[m.ref for _, _, m in group],
        reservation=None
        if first.charge_round is None
        else Reservation(first.charge_round, first.price_class, first.price, first.lease),
    )


def _first_forms(ids: str) -> list[str]:
    """The likeliest form of each id."""
    if "," in ids:
        return [forms.partition(",")[0] for forms in ids.split("\n")]
    return ids.split("\n")
