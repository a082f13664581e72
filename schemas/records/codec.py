"""Records to bytes and back: Avro in the Confluent wire format (0, schema id as 4 bytes big-endian, Avro binary).

The schema ids are fixed here, so that every process and every foreign tool agrees without asking anyone; the gateway's
`/registry` serves the same table. `decode` raises `DecodeError` on anything that is not one of our records: wrong
magic, unknown id, truncated or trailing bytes. A new version of a schema gets a new row and a new id; the old row
stays so that old records stay readable.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar, cast

import fastavro
import msgspec

from schemas.records import wire as r
from schemas.records.slice import Slice


class DecodeError(ValueError):
    """These bytes are not a record of ours; the message says what is wrong with them."""


class SchemaRow(NamedTuple):
    """One version of one record's schema."""

    id: int
    record: type[msgspec.Struct]
    version: int
    file: str


SCHEMAS: tuple[SchemaRow, ...] = (
    SchemaRow(1, r.Envelope, 1, "envelope.v1.avsc"),
    SchemaRow(2, r.Owner, 1, "owner.v1.avsc"),
    SchemaRow(3, r.Started, 1, "started.v1.avsc"),
    SchemaRow(4, r.Settled, 1, "settled.v1.avsc"),
    SchemaRow(5, r.Returned, 1, "returned.v1.avsc"),
    SchemaRow(6, r.Retry, 1, "retry.v1.avsc"),
    SchemaRow(7, r.Held, 1, "held.v1.avsc"),
    SchemaRow(8, r.Released, 1, "released.v1.avsc"),
    SchemaRow(9, r.MessageEvents, 1, "message_events.v1.avsc"),
    SchemaRow(10, r.CarrierReceipts, 1, "carrier_receipts.v1.avsc"),
    SchemaRow(11, r.CampaignCommand, 1, "campaign_command.v1.avsc"),
    SchemaRow(12, r.Usage, 1, "usage.v1.avsc"),
    SchemaRow(13, r.DeliveryReceipt, 1, "delivery_receipt.v1.avsc"),
)

_HEADER = struct.Struct(">BI")
_BITMAPS = frozenset({"positions", "charged", "refunded"})

T = TypeVar("T", bound=msgspec.Struct)


@cache
def schema_text(schema_id: int) -> str:
    """The Avro schema (JSON text) of this id. Raises KeyError for an id that was never given out."""
    for row in SCHEMAS:
        if row.id == schema_id:
            return files("schemas.records.avro").joinpath(row.file).read_text(encoding="utf-8")
    raise KeyError(schema_id)


@cache
def _parsed(schema_id: int) -> Any:
    # Trap: fastavro keeps named types globally unless told otherwise; a fresh table per schema keeps versions apart.
    return fastavro.parse_schema(json.loads(schema_text(schema_id)), named_schemas={})


@cache
def _reader(schema_id: int) -> Any:
    """What an old version is read as: the newest one of its record. None for the newest, which needs no resolution."""
    newest = _id_of(_class_of(schema_id))
    return None if newest == schema_id else _parsed(newest)


@cache
def _id_of(record: type[msgspec.Struct]) -> int:
    return max((row for row in SCHEMAS if row.record is record), key=lambda row: row.version).id


@cache
def _class_of(schema_id: int) -> type[msgspec.Struct]:
    for row in SCHEMAS:
        if row.id == schema_id:
            return row.record
    raise DecodeError(f"schema id {schema_id} is not one of ours")


def encode(record: r.Record) -> bytes:
    """The wire form of a record."""
    schema_id = _id_of(type(record))
    out = io.BytesIO()
    out.write(_HEADER.pack(0, schema_id))
    fastavro.schemaless_writer(out, _parsed(schema_id), _plain(record))
    return out.getvalue()


def decode(data: bytes | None) -> r.Record:
    """The record in these bytes. Raises DecodeError for everything else."""
    if data is None or len(data) < _HEADER.size:
        raise DecodeError("empty, or shorter than a schema id")
    magic, schema_id = _HEADER.unpack_from(data)
    if magic != 0:
        raise DecodeError(f"first byte is {magic}, not 0")
    cls = _class_of(schema_id)
    source = io.BytesIO(data)
    source.seek(_HEADER.size)
    try:
        value = fastavro.schemaless_reader(source, _parsed(schema_id), _reader(schema_id))
        record = _builder(cls)(cast(dict[str, Any], value))
    except Exception as fault:  # why: fastavro raises a dozen kinds for broken input, all of which mean the same here
        raise DecodeError(f"not a {cls.__name__}: {type(fault).__name__}: {fault}"[:300]) from fault
    if source.tell() != len(data):
        raise DecodeError(f"{len(data) - source.tell()} bytes too many after a {cls.__name__}")
    return cast(r.Record, record)


def decode_as(data: bytes | None, cls: type[T]) -> T:
    """The record in these bytes, which must be of this class."""
    record = decode(data)
    if not isinstance(record, cls):
        raise DecodeError(f"a {type(record).__name__} where a {cls.__name__} belongs")
    return record


def _plain(record: msgspec.Struct) -> dict[str, Any]:
    """Field by field what fastavro writes: sets of positions as bytes, nested records as dicts."""
    out: dict[str, Any] = {}
    for name, bitmap, nested in _shape(type(record)):
        value = getattr(record, name)
        if bitmap:
            value = value.to_bytes((value.bit_length() + 7) // 8, "little")
        elif nested is Slice and value is not None and type(value) is not list:
            value = encode(r.Envelope(slices=[value]))
        elif nested and value is not None:
            value = [_plain(v) for v in value] if type(value) is list else _plain(value)
        out[name] = value
    return out


@cache
def _shape(cls: type[msgspec.Struct]) -> tuple[tuple[str, bool, type[msgspec.Struct] | None], ...]:
    return tuple((f.name, f.name in _BITMAPS, _nested(f.type)) for f in msgspec.structs.fields(cls))


def _nested(kind: Any) -> type[msgspec.Struct] | None:
    """The record class inside `X`, `X | None` or `list[X]`, if there is one."""
    for candidate in (kind, *getattr(kind, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _only_slice(envelope: bytes) -> Slice:
    """The slice that another record carries: one field of one schema, whatever becomes of slices."""
    slices = decode_as(envelope, r.Envelope).slices
    if len(slices) != 1:
        raise DecodeError(f"{len(slices)} slices where one belongs")
    return slices[0]


@cache
def _builder(cls: type[msgspec.Struct]) -> Callable[[dict[str, Any]], Any]:
    bitmaps = [name for name, bitmap, _ in _shape(cls) if bitmap]
    enveloped = cls is not r.Envelope
    nested = [
        (name, _only_slice if inner is Slice and enveloped else _builder(inner))
        for name, _, inner in _shape(cls)
        if inner is not None
    ]
    instants = [n for n in ("occurred_at", "carrier_at", "recorded_at") if cls is r.DeliveryReceipt]

    def build(value: dict[str, Any]) -> Any:
        for name in bitmaps:
            value[name] = int.from_bytes(value[name], "little")
        for name, make in nested:
            inner = value[name]
            if inner is not None:
                value[name] = [make(v) for v in inner] if type(inner) is list else make(inner)
        for name in instants:
            if value[name] is not None:
                value[name] = round(value[name].timestamp() * 1000)
        return cls(**value)

    return build
