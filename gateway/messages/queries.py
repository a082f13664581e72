"""Messages as they stand: from PostgreSQL, or, in the moments before the sinks have them, from what was accepted.

Enters: a tenant and what to look for. Leaves: `Message` records, their personal columns opened. A foreign or unknown id is
404; with PostgreSQL away a message accepted within the hour is still found, anything else raises `DatabaseDown`. 503 too
where PostgreSQL has no such message and Redis, which would know a fresh one, is away.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from gateway.http.fields import instant, instant_or_none
from gateway.http.problem import not_found, refusal, unavailable
from gateway.http.query import PLACED_CURSOR, read_cursor, write_cursor
from gateway.messages.recent import RecentMessages
from gateway.messages.types import Message, MessagePage
from gateway.redis_batches import RedisDown
from infra.postgres.pool import DatabaseDown, Pool, fetch_all, fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from infra.security.sealing import Sealer
from schemas.records.slice import Columns
from schemas.values.ids import IdError, ParsedMessage, message_id_at, parse_message_id
from schemas.values.money import format_amount
from schemas.values.phone.number import PhoneError, format_e164, normalise
from schemas.values.reasons import Reason, reason_of
from schemas.values.status import Status, status_of

_RETURNED = [status.rank for status in (Status.EXPIRED, Status.CANCELED, Status.REJECTED, Status.FAILED)]
"""A message that ends so is given its money back, but for sends that a carrier took, if only in part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """What to look for; None: anything."""

    campaign: str | None = None
    to: str | None = None
    client_ref: str | None = None
    status: Status | None = None
    from_at: int | None = None
    until_at: int | None = None


class _Place(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    at: int
    chunk: str
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQueries:
    """Questions about messages, of one tenant each."""

    pool: Pool
    sealer: Sealer
    recent: RecentMessages
    currency: str

    async def list(self, tenant: str, wanted: MessageFilter, cursor: str | None, limit: int) -> MessagePage:
        """One page, newest chunk first."""
        after = read_cursor(cursor, PLACED_CURSOR, _Place)
        rows = await _rows(
            self.pool,
            tenant,
            _parameters(self.sealer, tenant, wanted)
            | {
                "after_at": after and after.at,
                "after_chunk": after and after.chunk,
                "after_place": after and after.place,
                "limit": limit + 1,
            },
        )
        opened = _Opened(self.sealer, tenant)
        page = rows[:limit]
        last = page[-1] if len(rows) > limit else None
        return MessagePage(
            messages=[_message(row, opened, self.currency) for row in page],
            next=None if last is None else write_cursor(_Place(chunk=last[0], at=last[3], place=last[7])),
        )

    async def find(self, tenant: str, identity: str) -> Message:
        """The message with this id."""
        try:
            parsed = parse_message_id(identity)
        except IdError:
            raise not_found("message") from None
        try:
            return await self._find_stored(tenant, identity, parsed)
        except DatabaseDown:
            recent = await self._find_recent(tenant, identity, parsed)
            if recent is None:
                raise
            return recent

    async def _find_stored(self, tenant: str, identity: str, parsed: ParsedMessage) -> Message:
        campaign, part, index = parsed.campaign, parsed.part, parsed.index
        which: dict[str, Any] = {"campaign": campaign, "chunk": parsed.chunk, "index": struct.pack("<I", index)}
        if campaign is not None:
            which["part"] = part
        rows = await _rows(self.pool, tenant, _parameters(self.sealer, tenant, MessageFilter()) | which | {"limit": 1})
        if rows:
            return _message(rows[0], _Opened(self.sealer, tenant), self.currency)
        if campaign is None:
            recent = await self._find_recent(tenant, identity, parsed)
            if recent is None:
                raise not_found("message")
            return recent
        async with tenant_transaction(self.pool, tenant) as connection:
            row = await fetch_one(
                connection,
                load_sql("gateway.messages", "find_accepted"),
                {"tenant": tenant, "campaign": campaign, "part": part, "index": index},
            )
        if row is None:
            raise not_found("message")
        return _bare(identity, row[0], self.currency)

    async def _find_recent(self, tenant: str, identity: str, parsed: ParsedMessage) -> Message | None:
        if parsed.chunk is None:
            return None
        try:
            slice_ = await self.recent.find(tenant, parsed.chunk)
        except RedisDown:
            # It may have been accepted a moment ago: that it does not exist would be said without knowing.
            raise unavailable("redis_unavailable", "only Redis, which is away, knows what was just accepted") from None
        if slice_ is None or parsed.index >= slice_.size:
            return None
        columns = self.sealer.open(slice_)
        return msgspec.structs.replace(
            _bare(identity, slice_.accepted_at, self.currency),
            to=format_e164(array("Q", columns.to)[parsed.index]),
            client_ref=columns.refs[parsed.index] if columns.refs else None,
            send_at=instant(slice_.due_at) if slice_.due_at != slice_.accepted_at else None,
        )


MESSAGES: web.AppKey[MessageQueries] = web.AppKey("messages", MessageQueries)


async def _rows(pool: Pool, tenant: str, parameters: dict[str, Any]) -> list[Any]:
    async with tenant_transaction(pool, tenant) as connection:
        return await fetch_all(connection, load_sql("gateway.messages", "list_messages"), parameters)


def _parameters(sealer: Sealer, tenant: str, wanted: MessageFilter) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "returned": _RETURNED,
        "campaign": wanted.campaign,
        "chunk": None,
        "part": None,
        "index": None,
        "to_hash": None if wanted.to is None else _to_hash(sealer, wanted.to),
        "ref_hash": None if wanted.client_ref is None else sealer.hash_ref(wanted.client_ref),
        "status": None if wanted.status is None else wanted.status.rank,
        "from_at": wanted.from_at,
        "until_at": wanted.until_at,
        "after_at": None,
        "after_chunk": None,
        "after_place": None,
    }


def _to_hash(sealer: Sealer, to: str) -> int:
    # An unescaped "+" arrives as a space.
    text = "+" + to[1:] if to.startswith(" ") else to
    try:
        number = normalise(text)
    except PhoneError as fault:
        raise refusal("?to", fault.code, fault.detail) from None
    return array("q", sealer.hash_destinations(array("Q", [number]).tobytes()))[0]


class _Opened:
    """The columns of the chunks of one page, each opened once."""

    def __init__(self, sealer: Sealer, tenant: str) -> None:
        self._sealer = sealer
        self._tenant = tenant
        self._columns: dict[str, tuple[array[int], Columns]] = {}

    def person(self, chunk: str, campaign: str | None, key_id: str, sealed: bytes, rank: int) -> tuple[str, str | None]:
        """Destination and client reference at this rank."""
        if chunk not in self._columns:
            columns = self._sealer.unseal(bytes(sealed), key_id=key_id, tenant=self._tenant, campaign=campaign, chunk=chunk)
            self._columns[chunk] = array("Q", columns.to), columns
        numbers, columns = self._columns[chunk]
        return format_e164(numbers[rank]), columns.refs[rank] if columns.refs else None


def _message(row: Any, opened: _Opened, currency: str) -> Message:
    (
        chunk,
        campaign,
        part,
        accepted_at,
        indexes,
        key_id,
        sealed,
        place,
        sequence,
        reason,
        second,
        carrier,
        segments,
        price,
        due_at,
        charged,
    ) = row
    to, ref = opened.person(chunk, campaign, key_id, sealed, place - 1)
    identity = message_id_at(campaign, chunk, part, struct.unpack_from("<I", indexes, 4 * place - 4)[0])
    return Message(
        id=identity,
        to=to,
        status=status_of(sequence),
        reason=_reason(reason),
        segments=segments or None,
        price=_price(segments, price, charged),
        currency=currency,
        carrier=carrier,
        client_ref=ref,
        send_at=instant_or_none(due_at),
        created_at=instant(accepted_at),
        updated_at=instant(max(accepted_at, second * 1000) if second else accepted_at),
    )


def _price(segments: int, price: int, charged: int | None) -> str | None:
    """What it costs, or did cost where its money came back (`charged`)."""
    if charged is not None:
        return format_amount(charged)
    return format_amount(segments * price) if segments else None


def _reason(number: int) -> str | None:
    reason = reason_of(number)
    return None if reason is Reason.NONE else str(reason)


def _bare(identity: str, accepted_at: int, currency: str) -> Message:
    """A message of which nothing more is known yet."""
    return Message(
        id=identity,
        to=None,
        status=Status.ACCEPTED,
        reason=None,
        segments=None,
        price=None,
        currency=currency,
        carrier=None,
        client_ref=None,
        send_at=None,
        created_at=instant(accepted_at),
        updated_at=instant(accepted_at),
    )
