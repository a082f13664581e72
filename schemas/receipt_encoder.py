"""`DeliveryReceipt` to bytes and headers, by hand: about a microsecond each, for it is written once per message.

In: what all receipts of a block share (`Shared`, encoded once) and what each message has of its own. Out: the same bytes,
byte for byte, as `schemas.codec.encode` makes (a test holds them together), and the CloudEvents 1.0 headers of the Kafka
binding. `ce_id` is message id and sequence: the same on every repeat. Wrong: nothing that typed values allow; what may
not be null is never null here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from schemas.codec import SCHEMAS
from schemas.money import format_amount
from schemas.records import DeliveryReceipt

TYPE = b"sluice.delivery-receipt.v1"
CONTENT_TYPE = b"application/avro"

_FIXED = (("ce_specversion", b"1.0"), ("ce_source", b"/sluice"), ("ce_type", TYPE), ("content-type", CONTENT_TYPE))
_WIRE = b"\0" + next(row.id for row in reversed(SCHEMAS) if row.record is DeliveryReceipt).to_bytes(4, "big")
_NULL = b"\0"
_SOME = b"\x02"


def _long(value: int) -> bytes:
    """Avro's zigzag variable-length number."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_LENGTHS = tuple(_long(length) for length in range(1024))


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    length = len(raw)
    return (_LENGTHS[length] if length < 1024 else _long(length)) + raw


@lru_cache(maxsize=16_384)
def _maybe(value: str | None) -> bytes:
    """A nullable text that many messages share: carrier codes, reasons, prices."""
    return _NULL if value is None else _SOME + _text(value)


@lru_cache(maxsize=16_384)
def _instant(milliseconds: int) -> bytes:
    return _long(milliseconds)


@lru_cache(maxsize=16_384)
def _rfc3339(milliseconds: int) -> bytes:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


@lru_cache(maxsize=4096)
def _counted(segments: int | None, price: int | None) -> bytes:
    """Segments, and their price: `price` is that of one segment in ten-thousandths."""
    count = _NULL if segments is None else _SOME + _long(segments)
    return count + _maybe(None if price is None or segments is None else format_amount(price * segments))


class Shared:
    """What the receipts of one block have in common, encoded beforehand."""

    __slots__ = ("_carrier", "_last", "_owner", "_owner_header", "_sequence", "_status", "price")

    def __init__(self, *, tenant: str, campaign: str | None, carrier: str | None, status: str, reason: str | None,
                 price: int | None, attempt: int, recorded_at: int, sequence: int, channel: str = "sms") -> None:
        self._owner = _maybe(campaign) + _text(tenant)
        self._carrier = _text(channel) + _maybe(carrier)
        self._status = _text(status) + _maybe(reason)
        self._last = (_long(attempt), _long(recorded_at) + _long(sequence))
        self._sequence = b"/%d" % sequence
        self._owner_header = ("ce_tenantid", tenant.encode())
        self.price = price

    def encode(self, message_id: bytes, *, ref: str | None, to_hash: bytes, code: str | None, carrier_id: str | None,
               segments: int | None, occurred_at: int) -> bytes:
        """The record of one message. `to_hash`: the 8 bytes of the keyed hash, or none; `carrier_id`: the carrier's."""
        attempt, last = self._last
        hashed = to_hash.hex().encode()
        return b"".join((
            _WIRE, _LENGTHS[len(message_id)], message_id, self._owner,
            _NULL if ref is None else _SOME + _text(ref),
            _LENGTHS[len(hashed)], hashed, self._carrier, self._status, _maybe(code),
            _NULL if carrier_id is None else _SOME + _text(carrier_id),
            _counted(segments, self.price), attempt, _instant(occurred_at), last,
        ))

    def headers(self, message_id: bytes, occurred_at: int) -> list[tuple[str, bytes]]:
        """The CloudEvents headers of the same message's record."""
        return [*_FIXED, self._owner_header, ("ce_id", message_id + self._sequence), ("ce_subject", message_id),
                ("ce_time", _rfc3339(occurred_at))]


def encode_receipt(receipt: DeliveryReceipt) -> bytes:
    """The wire form of one receipt that shares nothing with others."""
    shared = Shared(tenant=receipt.tenant_id, campaign=receipt.campaign_id, carrier=receipt.carrier,
                    status=receipt.status, reason=receipt.reason, price=None, attempt=receipt.attempt,
                    recorded_at=receipt.recorded_at, sequence=receipt.sequence, channel=receipt.channel)
    attempt, last = shared._last
    return b"".join((
        _WIRE, _text(receipt.message_id), shared._owner, _maybe(receipt.client_ref), _text(receipt.to_hash),
        shared._carrier, shared._status, _maybe(receipt.carrier_code), _maybe(receipt.carrier_message_id),
        _NULL if receipt.segments is None else _SOME + _long(receipt.segments), _maybe(receipt.price),
        attempt, _long(receipt.occurred_at), last,
    ))
