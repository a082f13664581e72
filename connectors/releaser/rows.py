"""Rows of the waiting room as the releaser leases them, and how they become slices again.

In: a claimed row with its chunk's payload. Out: a `Slice` with columns, or a smaller one when only some positions may go.
A payload that does not open raises `UnsealError`; a row whose bytes are not ours raises `DecodeError`, one that contradicts
itself `RecordError`: `each` leaves such rows where they are, leased out, and goes on with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
import structlog

from infra.security.sealing import Sealer, pick
from schemas.records.codec import decode_as
from schemas.records.slice import Slice, check_slice
from schemas.records.wire import Envelope
from schemas.rules.waiting_room import after_hold
from schemas.values.positions import everyone, places

R = TypeVar("R")
T = TypeVar("T")
log = structlog.get_logger()
TAKE_COLUMNS = (
    "tenant",
    "chunk",
    "send",
    "hold",
    "portion",
    "reason",
    "positions",
    "slice",
    "started",
    "version",
    "payload_key_id",
    "payload_sealed",
    "payload_size",
    "payload_indexes",
)


class HeldRow(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed row. `positions` still wait; `started` were handed to a carrier under this send or a later one; `only`:
    those that this is about, where it is not about all."""

    tenant: str
    chunk: str
    send: int
    hold: int
    portion: int
    reason: str
    positions: int
    slice: Slice
    started: int
    version: int
    payload: tuple[str, bytes, int, bytes]
    only: int = -1

    @property
    def leaving(self) -> int:
        """The positions that are to leave it now."""
        return self.positions & self.only

    @property
    def key(self) -> tuple[str, str, int, int, int]:
        """The row's primary key."""
        return self.tenant, self.chunk, self.send, self.hold, self.portion


def read_row(values: tuple[Any, ...]) -> HeldRow:
    """The row in these values, in the order of TAKE_COLUMNS."""
    row = dict(zip(TAKE_COLUMNS, values, strict=True))
    started = 0
    for bitmap in row["started"] or ():
        started |= int.from_bytes(bitmap, "little")
    return HeldRow(
        tenant=str(row["tenant"]),
        chunk=row["chunk"],
        send=row["send"],
        hold=row["hold"],
        portion=row["portion"],
        reason=row["reason"],
        positions=int.from_bytes(row["positions"], "little"),
        slice=decode_as(row["slice"], Envelope).slices[0],
        started=started,
        version=row["version"],
        payload=(row["payload_key_id"], row["payload_sealed"], row["payload_size"], row["payload_indexes"]),
    )


def complete(row: HeldRow, sealer: Sealer) -> Slice:
    """The row's slice with its columns, cut to the positions that are to leave it and were never started."""
    slice_ = after_hold(row.slice, row.hold)
    wanted = row.leaving & ~row.started
    if not slice_.sealed:
        slice_ = _with_payload(slice_, row, sealer)
    check_slice(slice_)
    return slice_ if wanted in (0, slice_.positions) else sealer.narrow(slice_, wanted)


def _with_payload(slice_: Slice, row: HeldRow, sealer: Sealer) -> Slice:
    key_id, sealed, size, indexes = row.payload
    if slice_.positions == everyone(size):
        return msgspec.structs.replace(slice_, key_id=key_id, sealed=sealed)
    whole = msgspec.structs.replace(
        slice_, positions=everyone(size), segments=b"", indexes=indexes, key_id=key_id, sealed=sealed
    )
    return sealer.reseal(slice_, pick(sealer.open(whole), places(slice_.positions)))


def each(rows: Iterable[R], make: Callable[[R], T]) -> list[T]:
    """What is made of each row. One that fails of itself stays as it is, until its lease ends, and is logged."""
    out: list[T] = []
    for row in rows:
        try:
            out.append(make(row))
        except Exception as fault:  # noqa: BLE001  why: whatever a row does to us, the rows beside it must go on
            log.error(
                "a waiting row cannot go on; it stays",
                action="row_stays",
                row=_name(row),
                fault=f"{type(fault).__name__}: {fault}"[:300],
            )
    return out


def _name(row: object) -> str:
    """Chunk, send and hold of a row, also beside something else, or as PostgreSQL gave it."""
    first = row if isinstance(row, HeldRow) or not isinstance(row, tuple) else row[0]
    values = first.key[1:] if isinstance(first, HeldRow) else row[1:5] if isinstance(row, tuple) else ()
    return " ".join(str(value) for value in values)
