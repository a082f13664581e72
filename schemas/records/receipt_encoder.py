"""`DeliveryReceipt` to bytes and headers, by hand: about a microsecond each, for it is written once per message.

In: what all receipts of a block share (`Shared`, encoded once) and the columns of what each has of its own. Out: the same
bytes, byte for byte, as `schemas.records.codec.encode` makes (a test holds them together), and the CloudEvents 1.0 headers
of the binding for Kafka. `ce_id` is message id and sequence: the same on every repeat. Wrong: nothing that typed values
allow; what may not be null is never null here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from schemas.records.codec import SCHEMAS
from schemas.records.kafka_format import zigzag
from schemas.records.receipt_bodies import join_bodies
from schemas.records.wire import DeliveryReceipt
from schemas.values.money import format_amount

TYPE = b"sluice.delivery-receipt.v1"
CONTENT_TYPE = b"application/avro"

_FIXED = (("ce_specversion", b"1.0"), ("ce_source", b"/sluice"), ("ce_type", TYPE), ("content-type", CONTENT_TYPE))
_WIRE = b"\0" + next(row.id for row in reversed(SCHEMAS) if row.record is DeliveryReceipt).to_bytes(4, "big")
_NULL = b"\0"
_SOME = b"\x02"
_LENGTHS = tuple(zigzag(length) for length in range(1024))


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    length = len(raw)
    return (_LENGTHS[length] if length < 1024 else zigzag(length)) + raw


@lru_cache(maxsize=16_384)
def _maybe(value: str | None) -> bytes:
    """A nullable text that many messages share: carrier codes, reasons, prices."""
    return _NULL if value is None else _SOME + _text(value)


@lru_cache(maxsize=16_384)
def _rfc3339(milliseconds: int) -> bytes:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


@lru_cache(maxsize=4096)
def _counted(segments: int | None, price: int | None) -> bytes:
    """Segments, and their price: `price` is that of one segment in ten-thousandths."""
    count = _NULL if segments is None else _SOME + zigzag(segments)
    return count + _maybe(None if price is None or segments is None else format_amount(price * segments))


@lru_cache(maxsize=4096)
def _carrier_time(written: int | str | None) -> bytes:
    """`carrier_at` and `carrier_time`, which many messages share: carriers write minutes or seconds."""
    if isinstance(written, str):
        return _NULL + _SOME + _text(written)
    return (_NULL if written is None else _SOME + zigzag(written)) + _NULL


Headers = list[tuple[str, bytes]]
Alike = tuple[str | None, int | None, int, int | str | None]
"""Code, segments, when it occurred, what the carrier wrote: what many messages of a block have alike."""
_OWN_HEADERS = 2


def _in_step(
    ids: Sequence[bytes],
    codes: Sequence[str | None] | None,
    segments: Sequence[int | None] | None,
    times: Sequence[int],
    carrier_times: Sequence[int | str | None] | None,
) -> Iterator[Alike]:
    """These columns side by side; one that is None is null for all. Raises ValueError when one is longer than another."""
    nobody = (None,) * len(ids)
    return zip(codes or nobody, segments or nobody, times, carrier_times or nobody, strict=True)


def _begin_headers(first: Headers) -> bytes:
    """How many headers, those that a block shares, and the name of the first that is a message's own."""
    shared = b"".join([_text(name) + _text(text) for name, text in first])
    return zigzag(len(first) + _OWN_HEADERS) + shared + _text("ce_id")


class Shared:
    """What the receipts of one block have in common, encoded beforehand. `price`: of a segment, in ten-thousandths."""

    __slots__ = ("_attempt", "_carrier", "_fixed", "_last", "_owner", "_price", "_sequence", "_status")

    def __init__(
        self,
        *,
        tenant: str,
        campaign: str | None,
        carrier: str | None,
        status: str,
        reason: str | None,
        price: int | None,
        attempt: int,
        recorded_at: int,
        sequence: int,
        channel: str = "sms",
    ) -> None:
        self._owner = _maybe(campaign) + _text(tenant)
        self._carrier = _text(channel) + _maybe(carrier)
        self._status = _text(status) + _maybe(reason)
        self._attempt = zigzag(attempt)
        self._last = zigzag(recorded_at) + zigzag(sequence)
        self._sequence = b"/%d" % sequence
        self._fixed = (*_FIXED, ("ce_tenantid", tenant.encode()))
        self._price = price

    def records(
        self,
        ids: Sequence[bytes],
        *,
        hashes: bytes,
        times: Sequence[int],
        refs: Sequence[str | None] | None = None,
        codes: Sequence[str | None] | None = None,
        carrier_ids: Sequence[str | None] | None = None,
        segments: Sequence[int | None] | None = None,
        carrier_times: Sequence[int | str | None] | None = None,
    ) -> Iterator[tuple[bytes, bytes, Headers]]:
        """(message id, record, headers) of each. `hashes`: 8 bytes of keyed hash each, or none at all; `times`: when it
        occurred, in milliseconds; `carrier_times`: what the carrier wrote, in milliseconds or, where it is no time, as text;
        a column that is None is null for all, as are an empty code and no segments."""
        nobody = (None,) * len(ids)
        hexed, width = hashes.hex().encode(), 16 if hashes else 0
        hash_length, owner, sequence, lengths, join = _LENGTHS[width], self._owner, self._sequence, _LENGTHS, b"".join
        known: Alike | None = None
        middle = tail = b""
        begin: Headers = []
        place = 0
        shared = _in_step(ids, codes, segments, times, carrier_times)
        for message_id, ref, carrier_id, own in zip(ids, refs or nobody, carrier_ids or nobody, shared, strict=True):
            if own != known:
                known = own
                middle, tail, begin = self._alike(*own)
            yield (
                message_id,
                join(
                    (
                        _WIRE,
                        lengths[len(message_id)],
                        message_id,
                        owner,
                        _NULL if ref is None else _SOME + _text(ref),
                        hash_length,
                        hexed[place : place + width],
                        middle,
                        _NULL if carrier_id is None else _SOME + _text(carrier_id),
                        tail,
                    )
                ),
                [*begin, ("ce_id", message_id + sequence), ("ce_subject", message_id)],
            )
            place += width

    def bodies(
        self,
        ids: Sequence[bytes],
        *,
        hashes: bytes,
        times: Sequence[int],
        refs: Sequence[str | None] | None = None,
        codes: Sequence[str | None] | None = None,
        carrier_ids: Sequence[str | None] | None = None,
        segments: Sequence[int | None] | None = None,
        carrier_times: Sequence[int | str | None] | None = None,
    ) -> list[bytes]:
        """The same events as records of Kafka's own format, from the key on: `record_body` of what `records` says, at half
        its price. Avro's numbers are those of Kafka's records, so key and id are the same bytes there."""
        nobody = (None,) * len(ids)
        shared = _in_step(ids, codes, segments, times, carrier_times)
        return join_bodies(
            ids,
            refs or nobody,
            carrier_ids or nobody,
            self._pieces(shared),
            hashes.hex().encode(),
            16 if hashes else 0,
            _WIRE,
            self._owner,
            self._sequence,
        )

    def _pieces(self, shared: Iterator[Alike]) -> Iterator[tuple[bytes, bytes, bytes]]:
        """The same object again where an event is like the one before."""
        known: Alike | None = None
        pieces = b"", b"", b""
        for own in shared:
            if own != known:
                known = own
                middle, tail, begin = self._alike(*own)
                pieces = middle, tail, _begin_headers(begin)
            yield pieces

    def _alike(
        self, code: str | None, segments: int | None, occurred_at: int, carrier_time: int | str | None
    ) -> tuple[bytes, bytes, Headers]:
        """What messages with this code, so many segments and these times share besides: middle and end of the record, and
        the first headers."""
        middle = self._carrier + self._status + _maybe(code or None)
        tail = _counted(segments or None, self._price) + self._attempt
        tail += zigzag(occurred_at) + _carrier_time(carrier_time) + self._last
        return middle, tail, [*self._fixed, ("ce_time", _rfc3339(occurred_at))]
