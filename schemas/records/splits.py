"""How a record of many is cut, so that what cannot be taken is found and the rest goes on without it.

In: a record; whoever can seal, where it holds sealed columns. Out: two records that together say what the one says, each
complete in itself: it can be encoded, read and replayed. Nothing for what speaks of one thing alone, or becomes
another thing when it is cut: a chunk's payload and a row of the waiting room are written once under their key, so a second
half would be taken for a repeat. Raises RecordError when columns and positions disagree (then nobody knows what belongs
to whom), and what the sealer raises.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from schemas.records.slice import Columns, RecordError, Slice, check_slice
from schemas.records.wire import (
    CarrierReceipts,
    Change,
    Envelope,
    MessageEvents,
    Record,
    Released,
    Returned,
    Settled,
    Started,
    Usage,
)
from schemas.values.call_outcome import CallOutcome
from schemas.values.positions import places, positions_of, ranks_within

WITH_ID = frozenset({CallOutcome.SENT, CallOutcome.PARTIAL})
"""Outcomes of `Settled` whose positions have an entry in `ids`."""
_replace = msgspec.structs.replace


class Seals(Protocol):
    """Whoever opens sealed columns and seals fewer of them."""

    def seal(self, columns: Columns, *, tenant: str, campaign: str | None, chunk: str) -> tuple[str, bytes]:
        """(key id, sealed bytes)."""

    def unseal(self, sealed: bytes, *, key_id: str, tenant: str, campaign: str | None, chunk: str) -> Columns:
        """The columns in a block."""

    def narrow(self, slice_: Slice, positions: int) -> Slice:
        """The slice of these positions alone."""


def split(record: Record, seals: Seals | None = None) -> list[Record]:
    """Two smaller records, or none. Without `seals` what is sealed stays in one piece."""
    match record:
        case Envelope(slices=[_, _, *_]):
            return [Envelope(slices=half) for half in _halves(record.slices)]
        case MessageEvents(changes=[_, _, *_]):
            return [_replace(record, changes=half) for half in _halves(record.changes)]
        case MessageEvents(changes=[change]):
            return [_replace(record, changes=[_change(change, half)]) for half in _halved(change.positions)]
        case Started() | Released():
            return [_replace(record, positions=half) for half in _halved(record.positions)]
        case Usage():
            return [_usage(record, half) for half in _halved(record.charged | record.refunded)]
        case CarrierReceipts() if record.sealed_refs is None or seals is not None:
            return [pick_receipts(record, half, seals) for half in _halves(range(record.count))]
        case Settled() if seals is not None or (record.sealed_refs is None and record.rest is None):
            return [pick_positions(record, half, seals) for half in _by_verdict(record)]
        case Returned(rest=rest) if seals is not None:
            return [_replace(record, rest=half) for half in split_slice(rest, seals)]
        case _:
            return []


def split_slice(slice_: Slice, seals: Seals) -> list[Slice]:
    """Two slices of the same send, or none. Raises RecordError, and what `seals` raises."""
    check_slice(slice_)
    return [seals.narrow(slice_, half) for half in _halved(slice_.positions)]


def pick_receipts(record: CarrierReceipts, entries: Any, seals: Seals | None) -> CarrierReceipts:
    """The record with these entries alone; with the client references only when there is somebody to seal them."""
    key_id, sealed = _picked_refs(record, entries, seals, record.count)
    known = record.chunk is not None
    return _replace(
        record,
        count=len(entries),
        ids=_texts(record.ids, entries, record.count),
        states=_texts(record.states, entries, record.count),
        codes=_texts(record.codes, entries, record.count),
        done_at=_pick(record.done_at, 8, entries, record.count),
        done_texts=_texts(record.done_texts, entries, record.count) if record.done_texts else "",
        key_id=key_id,
        sealed_refs=sealed,
        to_hashes=_pick(record.to_hashes, 8, entries, record.count),
        places=_pick(record.places, 2, entries, record.count) if known else b"",
        indexes=_pick(record.indexes, 4, entries, record.count) if known else b"",
        segments=_pick(record.segments, 1, entries, record.count) if known else b"",
    )


def _by_verdict(record: Settled) -> list[int]:
    """The positions of the first verdicts and of the others; of one verdict the lower and the upper half."""
    if len(record.verdicts) < 2:
        return _halved(record.positions)
    first = 0
    for verdict in record.verdicts[: len(record.verdicts) // 2]:
        first |= verdict.positions
    first &= record.positions
    return [first, record.positions & ~first] if first not in (0, record.positions) else _halved(record.positions)


def pick_positions(record: Settled, positions: int, seals: Seals | None) -> Settled:
    """The record with these of its positions alone; what is sealed only when there is somebody to seal it."""
    ranks, count = ranks_within(record.positions, positions), record.positions.bit_count()
    named = 0
    for verdict in record.verdicts:
        named |= verdict.positions if verdict.outcome in WITH_ID else 0
    mine = named & positions
    key_id, refs = _picked_refs(record, ranks, seals, count)
    rest = record.rest
    if rest is not None and seals is not None:
        again = rest.positions & positions
        rest = seals.narrow(rest, again) if again else None
    return _replace(
        record,
        positions=positions,
        indexes=_pick(record.indexes, 4, ranks, count),
        verdicts=[_replace(v, positions=v.positions & positions) for v in record.verdicts if v.positions & positions],
        segments=_pick(record.segments, 1, ranks, count),
        key_id=key_id,
        sealed_refs=refs,
        rest=rest,
        ids=_texts(record.ids, ranks_within(named, mine), named.bit_count()) if mine else "",
        to_hashes=_pick(record.to_hashes, 8, ranks, count) if record.to_hashes else b"",
    )


def _picked_refs(record: CarrierReceipts | Settled, ranks: Any, seals: Seals | None, count: int) -> tuple[str, bytes | None]:
    """(key id, sealed) references at these ranks."""
    if record.sealed_refs is None or seals is None:
        return record.key_id, None
    tenant, campaign, chunk = record.tenant or "", record.campaign, record.chunk or ""
    refs = seals.unseal(record.sealed_refs, key_id=record.key_id, tenant=tenant, campaign=campaign, chunk=chunk).refs or []
    if len(refs) != count:
        raise RecordError(f"sealed_refs: {len(refs)} entries where {count} belong")
    return seals.seal(Columns(to=b"", refs=[refs[n] for n in ranks]), tenant=tenant, campaign=campaign, chunk=chunk)


def _change(change: Change, positions: int) -> Change:
    ranks = ranks_within(change.positions, positions)
    segments = _pick(change.segments, 1, ranks, change.positions.bit_count()) if change.segments else b""
    return _replace(change, positions=positions, segments=segments)


def _usage(usage: Usage, positions: int) -> Usage:
    both = usage.charged | usage.refunded
    return _replace(
        usage,
        charged=usage.charged & positions,
        refunded=usage.refunded & positions,
        segments=_pick(usage.segments, 1, ranks_within(both, positions), both.bit_count()),
    )


def _halved(positions: int) -> list[int]:
    return [positions_of(half) for half in _halves(places(positions))]


def _halves(members: Any) -> list[Any]:
    middle = len(members) // 2
    return [members[:middle], members[middle:]] if middle else []


def _pick(column: bytes, width: int, ranks: Any, count: int) -> bytes:
    if len(column) != width * count:
        raise RecordError(f"a column of {len(column)} bytes where {count} entries of {width} belong")
    return b"".join([column[width * n : width * n + width] for n in ranks])


def _texts(column: str, ranks: Any, count: int) -> str:
    texts = column.split("\n")
    if len(texts) != count:
        raise RecordError(f"a column of {len(texts)} texts where {count} belong")
    return "\n".join([texts[n] for n in ranks])
