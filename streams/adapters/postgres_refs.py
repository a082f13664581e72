"""What carriers' ids stand for, from PostgreSQL; receipts that nobody knows yet are parked there.

In: receipts without a message, receipts of single segments. Out: the message of each, or None after parking it; the states
of all segments of a message. A receipt is matched by the carrier's id and the destination, the newest first (where the
carrier's ids have one form only, by the id alone if no destination agrees); else by the destination alone, when exactly one
uncertain message of that carrier fits. A message whose payload is not stored yet is parked too. Everything may be repeated.
`PortDown` when PostgreSQL is away.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from infra.postgres.pool import DatabaseDown, Pool, execute, fetch_all, look_up, transaction
from infra.postgres.sql import load_sql
from schemas.values.carrier_ids import ref_key
from streams.adapters.postgres_credit import columns
from streams.ports import Found, PortDown, Sealing, SegmentReceipt, UnknownReceipt

HERE = "streams.adapters"


class MessageRef(NamedTuple):
    """Where a message stands. `segments` 0: not known. `id`: the form of the carrier's id that it was found by."""

    tenant: str
    chunk: str
    send: int
    position: int
    segments: int
    uncertain: bool
    id: str = ""


class ReservationRow(NamedTuple):
    """One reservation of a chunk."""

    round: int
    price_class: int
    price: int
    positions: int
    segments: bytes
    lease: str | None


class ChunkRow(NamedTuple):
    """What a chunk says of its messages. `price` 0, `segments` and `refs` empty: not known."""

    campaign: str | None
    part: int
    size: int
    lane: str
    indexes: Sequence[int]
    refs: Sequence[str | None] | None
    price: int
    segments: bytes
    accepted_at: int


class PostgresRefs:
    """Look-ups of receipts."""

    def __init__(self, pool: Pool, sealing: Sealing) -> None:
        self._pool = pool
        self._sealing = sealing

    async def lookup(self, receipts: Sequence[UnknownReceipt], now: int) -> list[Found | None]:
        """The message of each receipt; those without one are parked until it is known. Raises PortDown."""
        try:
            async with look_up(self._pool) as connection:
                places = await _places(connection, receipts)
                found = await self._found(connection, places)
                out = [found.get(places[n]) if n in places else None for n in range(len(receipts))]
                await _park(connection, [r for r, message in zip(receipts, out, strict=True) if message is None], now)
        except DatabaseDown as fault:
            raise PortDown(f"receipts cannot be looked up: {fault}") from fault
        return out

    async def record_segments(self, receipts: Sequence[SegmentReceipt]) -> list[list[str]]:
        """Note these segments; for each, the states of all segments of its message so far. Raises PortDown."""
        rows = {(r.tenant, r.chunk, r.send, r.position, r.id): r.state for r in receipts}
        keys = sorted({key[:4] for key in rows})
        try:
            async with transaction(self._pool) as connection:
                await execute(
                    connection, load_sql(HERE, "parts_write"), columns((*key, state) for key, state in sorted(rows.items()))
                )
                known = await fetch_all(connection, load_sql(HERE, "parts_read"), columns(keys))
        except DatabaseDown as fault:
            raise PortDown(f"segments cannot be noted: {fault}") from fault
        states: dict[tuple[object, ...], list[str]] = {}
        for *key, state in known:
            states.setdefault(tuple(key), []).append(state)
        return [sorted(states[r.tenant, r.chunk, r.send, r.position]) for r in receipts]

    async def _found(self, connection: Any, places: dict[int, MessageRef]) -> dict[MessageRef, Found]:
        chunks = sorted({(place.tenant, place.chunk) for place in places.values()})
        if not chunks:
            return {}
        about = {
            (row[0], row[1]): row[2:] for row in await fetch_all(connection, load_sql(HERE, "refs_about"), columns(chunks))
        }
        money: dict[tuple[str, str], list[ReservationRow]] = {}
        for tenant, chunk, round_, price_class, price, positions, segments, lease in await fetch_all(
            connection, load_sql(HERE, "refs_money"), columns(chunks)
        ):
            money.setdefault((tenant, chunk), []).append(
                ReservationRow(round_, price_class, price, int.from_bytes(positions, "little"), segments, lease)
            )
        opened = {(tenant, chunk): self._about(tenant, chunk, row) for (tenant, chunk), row in about.items()}
        return {
            place: _message(place, opened[place[:2]], money.get(place[:2], []))
            for place in set(places.values())
            if place[:2] in opened
        }

    def _about(self, tenant: str, chunk: str, row: tuple[Any, ...]) -> ChunkRow:
        """A chunk, opened once for all of its messages."""
        campaign, part, size, lane, indexes, key_id, sealed, accepted_at, price, segments = row
        refs = self._sealing.unseal(sealed, key_id=key_id, tenant=tenant, campaign=campaign, chunk=chunk).refs
        return ChunkRow(campaign, part, size, lane, array("I", indexes), refs, price or 0, segments or b"", accepted_at)


def _message(place: MessageRef, about: ChunkRow, reservations: Sequence[ReservationRow]) -> Found:
    position = place.position
    paid = next((m for m in reversed(reservations) if m.positions >> position & 1), None)
    count = (
        place.segments
        or (paid.segments[position] if paid is not None else 0)
        or (about.segments[position] if about.segments else 0)
        or 1
    )
    return Found(
        tenant=place.tenant,
        campaign=about.campaign,
        chunk=place.chunk,
        part=about.part,
        size=about.size,
        lane=about.lane,
        send=place.send,
        attempts=paid.round if paid is not None else 0,
        position=position,
        index=about.indexes[position],
        segments=count,
        price=paid.price if paid is not None else about.price,
        ref=about.refs[position] if about.refs else None,
        accepted_at=about.accepted_at,
        id=place.id,
        charge_round=paid.round if place.uncertain and paid is not None else None,
        price_class=paid.price_class if paid is not None else 0,
        lease=paid.lease if paid is not None else None,
    )


async def _places(connection: Any, receipts: Sequence[UnknownReceipt]) -> dict[int, MessageRef]:
    """Where the message of each receipt stands, by the receipt's number."""
    hashes = [_signed(receipt.to_hash) for receipt in receipts]
    forms = [(n, receipt.carrier, id_, ref_key(id_), hashes[n]) for n, receipt in enumerate(receipts) for id_ in receipt.ids]
    by_form = {
        (n, id_): MessageRef(tenant, chunk, send, position, segments, uncertain=False, id=id_)
        for n, id_, tenant, chunk, send, position, segments in await fetch_all(
            connection, load_sql(HERE, "refs_by_id"), columns(forms)
        )
    }
    places: dict[int, MessageRef] = {}
    for n, _, id_, *_ in forms:  # the likeliest form first
        if (n, id_) in by_form:
            places.setdefault(n, by_form[n, id_])
    left = [(n, receipt.carrier, hashes[n]) for n, receipt in enumerate(receipts) if n not in places]
    if left:
        for n, tenant, chunk, send, position in await fetch_all(connection, load_sql(HERE, "refs_uncertain"), columns(left)):
            places[n] = MessageRef(tenant, chunk, send, position, segments=0, uncertain=True)
    return places


async def _park(connection: Any, receipts: Sequence[UnknownReceipt], now: int) -> None:
    rows = sorted(
        {
            (r.carrier, id_, ref_key(id_), _signed(r.to_hash), r.state, r.code, r.done_at, r.done_text, now)
            for r in receipts
            for id_ in r.ids
        }
    )
    if rows:
        await execute(connection, load_sql(HERE, "refs_park"), columns(rows))


def _signed(to_hash: bytes) -> int:
    return int(struct.unpack("<q", to_hash)[0])
