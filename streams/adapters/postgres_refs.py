"""What carriers' ids stand for, from PostgreSQL; receipts that nobody knows yet are parked there.

In: receipts without a message, receipts of single segments. Out: the message of each, or None after parking it; the states
of all segments of a message. What was sent a moment ago stands in pages (`fresh_refs.py`), what waits longer in rows. A
receipt is matched by the carrier's id and the destination, the newest first (where the carrier's ids have one form only, by
the id alone if no destination agrees); else by the destination alone, when exactly one uncertain message of that carrier
fits. A message whose payload is not stored yet is parked too. Everything may be repeated. `PortDown` when PostgreSQL is
away.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from infra.postgres.pool import Connection, DatabaseDown, Pool, execute, fetch_all, look_up, transaction
from infra.postgres.sql import load_sql
from schemas.values.carrier_ids import ref_key
from streams.adapters.fresh_refs import FreshRefs
from streams.adapters.message_ref import AskedId, Candidate, MessageRef
from streams.adapters.postgres_credit import columns
from streams.ports import Found, PortDown, Sealing, SegmentReceipt, UnknownReceipt

HERE = "streams.adapters"


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
    """Look-ups of receipts. `fresh`: what was sent a moment ago."""

    def __init__(self, pool: Pool, sealing: Sealing, fresh: FreshRefs | None = None) -> None:
        self._pool = pool
        self._sealing = sealing
        self._fresh = fresh or FreshRefs()

    async def lookup(self, receipts: Sequence[UnknownReceipt], now: int) -> list[Found | None]:
        """The message of each receipt; those without one are parked until it is known. Raises PortDown."""
        try:
            async with look_up(self._pool) as connection:
                places = await self._places(connection, receipts)
                found = await self._found(connection, places)
                out = [found.get(places[n]) if n in places else None for n in range(len(receipts))]
                await _park(connection, [r for r, message in zip(receipts, out, strict=True) if message is None], now)
                unstored = sorted({place[:2] for place in places.values() if place not in found})
                if unstored:
                    await execute(connection, load_sql(HERE, "ref_pages_due"), columns(unstored))
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

    async def _places(self, connection: Connection, receipts: Sequence[UnknownReceipt]) -> dict[int, MessageRef]:
        """Where the message of each receipt stands, by its number. No page is written from when on one has none."""
        asked = _asked(receipts)
        # Trap: pages first, for a page may become rows between two statements, and rows never become a page.
        fresh = await self._fresh.look(connection, asked)
        places = _likeliest(asked, await _by_id(connection, asked, fresh.candidates))
        if len(places) == len(receipts):
            return places
        await execute(connection, load_sql(HERE, "refs_park_lock"))
        again = [one for one in asked if one.n not in places]
        fresh = await self._fresh.look(connection, again)
        if fresh.anything_new:
            places |= _likeliest(again, await _by_id(connection, again, fresh.candidates))
        left = [(one.n, one.carrier, one.to_hash) for one in again if one.n not in places]
        if left and fresh.complete:
            for n, tenant, chunk, send, position in await fetch_all(
                connection, load_sql(HERE, "refs_uncertain"), columns(sorted(set(left)))
            ):
                places[n] = MessageRef(tenant, chunk, send, position, segments=0, uncertain=True)
        return places

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


def _asked(receipts: Sequence[UnknownReceipt]) -> list[AskedId]:
    """Every form of every id, the likeliest of each receipt first."""
    return [
        AskedId(n, receipt.carrier, id_, ref_key(id_), _signed(receipt.to_hash))
        for n, receipt in enumerate(receipts)
        for id_ in receipt.ids
    ]


async def _by_id(
    connection: Connection, asked: Sequence[AskedId], candidates: Sequence[Candidate]
) -> dict[tuple[int, str], MessageRef]:
    """The message of each id: by its row, or one of these candidates, which are fresh."""
    best: dict[tuple[int, str], Candidate] = {}
    for n, id_, tenant, chunk, send, position, segments, agrees, number in await fetch_all(
        connection, load_sql(HERE, "refs_by_id"), columns(asked)
    ):
        ref = MessageRef(tenant, chunk, send, position, segments, uncertain=False, id=id_)
        best[n, id_] = Candidate(n, id_, agrees, number, ref)
    if not all(candidate.agrees for candidate in candidates):
        by_id_alone = {carrier for (carrier,) in await fetch_all(connection, load_sql(HERE, "refs_by_id_alone"))}
        alone = {one.n for one in asked if one.carrier in by_id_alone}
        candidates = [candidate for candidate in candidates if candidate.agrees or candidate.n in alone]
    for candidate in candidates:
        known = best.get((candidate.n, candidate.id))
        if known is None or candidate.rank > known.rank:
            best[candidate.n, candidate.id] = candidate
    return {place: candidate.ref for place, candidate in best.items()}


def _likeliest(asked: Sequence[AskedId], by_id: Mapping[tuple[int, str], MessageRef]) -> dict[int, MessageRef]:
    """The message of each receipt, by the likeliest of its ids that is known."""
    places: dict[int, MessageRef] = {}
    for one in asked:
        if (one.n, one.id) in by_id:
            places.setdefault(one.n, by_id[one.n, one.id])
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
