"""Receipts as records: gathered by chunk and send, and confirmed to the carrier when all of a batch are safe.

In: receipts with what they were matched to. Out: `CarrierReceipts` records as columns; a carrier's text that columns cannot
hold is made fit. Nothing can go wrong here.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from typing import TypedDict

from connectors.carriers.contract import Acknowledge, Receipt
from connectors.dispatch.attempt_records import seal_refs
from connectors.dispatch.send_batch import BatchMessages
from infra.security.sealing import Sealer
from schemas.records.wire import NO_TIME, CarrierReceipts
from schemas.values.foreign_text import CODE_LENGTH, ID_LENGTH, join_column


class ReceiptBatch:
    """Receipts that came together; `acknowledge` is called when the last of them is safe."""

    __slots__ = ("_acknowledge", "_left", "_waiting")

    def __init__(self, acknowledge: Acknowledge, count: int) -> None:
        self._acknowledge = acknowledge
        self._left = count
        self._waiting: set[int] = set()

    def close(self, count: int) -> None:
        """So many of them are safe."""
        self._left -= count
        if self._left == 0:
            self._acknowledge()

    def remember(self, receipt: Receipt) -> None:
        """This one waits for its submit's answer."""
        self._waiting.add(id(receipt))

    def forget(self, receipt: Receipt) -> None:
        """It no longer waits."""
        self._waiting.discard(id(receipt))

    def is_open(self, receipt: Receipt) -> bool:
        """Whether it still waits."""
        return id(receipt) in self._waiting


class ReceiptGroup:
    """Receipts of one chunk and send, or all unknown ones. `entries`: (receipt, its id, rank of its message); of unknown
    ones (receipt, every form of its ids, destination or 0)."""

    __slots__ = ("_batches", "entries")

    def __init__(self) -> None:
        self.entries: list[tuple[Receipt, str, int]] = []
        self._batches: list[ReceiptBatch] = []

    def __len__(self) -> int:
        return len(self.entries)

    def append(self, batch: ReceiptBatch, receipt: Receipt, ids: str, rank: int) -> None:
        """Append a receipt of this batch."""
        self.entries.append((receipt, ids, rank))
        self._batches.append(batch)

    def confirm_too(self, batch: ReceiptBatch) -> None:
        """One of this batch says nothing new: it is safe when the record is."""
        self._batches.append(batch)

    def columns(self) -> _Columns:
        """The columns that both kinds of record have."""
        receipts = [receipt for receipt, _, _ in self.entries]
        times = [receipt.done_at for receipt in receipts]
        odd = None in times and any(receipt.done_text for receipt in receipts)
        return _Columns(
            ids=join_column([ids for _, ids, _ in self.entries], ID_LENGTH),
            states=join_column([one.state for one in receipts], CODE_LENGTH),
            codes=join_column([one.code for one in receipts], CODE_LENGTH),
            done_at=array("q", [NO_TIME if time is None else int(time * 1000) for time in times]).tobytes(),
            done_texts=join_column([receipt.done_text for receipt in receipts], CODE_LENGTH) if odd else "",
        )

    def close_after(self, then: Callable[[], None]) -> Callable[[], None]:
        """The call back for when Kafka has the record of this group."""

        def close() -> None:
            for batch, count in Counter(self._batches).items():
                batch.close(count)
            then()

        return close


class _Columns(TypedDict):
    ids: str
    states: str
    codes: str
    done_at: bytes
    done_texts: str


def known_record(carrier: str, messages: BatchMessages, group: ReceiptGroup, at: int, sealer: Sealer) -> CarrierReceipts:
    """The record of receipts whose messages are known."""
    slice_, ranks, positions_by_rank = messages.slice, [rank for _, _, rank in group.entries], messages.positions_by_rank
    refs = None if messages.refs is None else [messages.refs[rank] for rank in ranks]
    key_id, sealed = "", None
    if refs is not None and any(ref is not None for ref in refs):
        key_id, sealed = seal_refs(slice_, refs, sealer)
    return CarrierReceipts(
        carrier=carrier,
        at=at,
        accepted_at=slice_.accepted_at,
        count=len(ranks),
        **group.columns(),
        to_hashes=b"".join([messages.hash(rank) for rank in ranks]),
        tenant=slice_.tenant,
        campaign=slice_.campaign,
        chunk=slice_.chunk,
        part=slice_.part,
        size=slice_.size,
        lane=slice_.lane,
        send=slice_.send,
        attempts=slice_.attempts,
        price=slice_.price,
        places=array("H", [positions_by_rank[rank] for rank in ranks]).tobytes(),
        indexes=array("I", [messages.indexes[rank] for rank in ranks]).tobytes(),
        segments=bytes([messages.segments[rank] for rank in ranks]),
        key_id=key_id,
        sealed_refs=sealed,
    )


def unknown_record(carrier: str, group: ReceiptGroup, at: int, sealer: Sealer) -> CarrierReceipts:
    """The record of receipts whose messages this process does not know; forms of an id are comma separated."""
    numbers = array("Q", [number for _, _, number in group.entries])
    hashes = array("Q", sealer.hash_destinations(numbers.tobytes()))
    return CarrierReceipts(
        carrier=carrier,
        at=at,
        count=len(group),
        **group.columns(),
        to_hashes=array("Q", [hashed if number else 0 for hashed, number in zip(hashes, numbers, strict=True)]).tobytes(),
    )
