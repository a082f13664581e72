"""Hypothesis strategies for every record, made from its Avro schema: whatever the schema allows may come.

Enters: a record class. Leaves: a strategy of its instances. Nothing can go wrong.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.records.codec import SCHEMAS, schema_text
from schemas.records.slice import MAX_CHUNK, Slice
from schemas.records.wire import Envelope, Record

BITMAPS = {"positions", "charged", "refunded"}
LAST_MOMENT = 253_402_300_799_999
POSITIONS = st.integers(0, (1 << MAX_CHUNK) - 1)
_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    "bytes": st.binary(max_size=40),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "timestamp-millis": st.integers(0, LAST_MOMENT),
}


def record_strategy(record: type[msgspec.Struct]) -> st.SearchStrategy[Record]:
    """Instances of this record class."""
    row = max((row for row in SCHEMAS if row.record is record), key=lambda row: row.version)
    strategy: st.SearchStrategy[Record] = _record(record, json.loads(schema_text(row.id)))
    return strategy


def _record(record: type[msgspec.Struct], schema: Any) -> st.SearchStrategy[Any]:
    kinds = {field.name: field.type for field in msgspec.structs.fields(record)}
    return st.builds(
        record,
        **{column["name"]: _value(kinds[column["name"]], column["type"], column["name"]) for column in schema["fields"]},
    )


def _value(kind: Any, avro: Any, name: str) -> st.SearchStrategy[Any]:
    if name in BITMAPS:
        return POSITIONS
    if name in ("slice", "rest") and kind in (Slice, Slice | None):
        envelopes: Any = record_strategy(Envelope)
        one: st.SearchStrategy[Any] = envelopes.filter(lambda found: found.slices).map(lambda found: found.slices[0])
        return one if kind is Slice else st.none() | one
    if isinstance(avro, list):
        return st.none() | _value(_struct_in(kind), avro[1], name)
    if isinstance(avro, str):
        return _PLAIN[avro]
    if avro["type"] == "array":
        return st.lists(_value(_struct_in(kind), avro["items"], name), max_size=3)
    return _record(kind, avro) if avro["type"] == "record" else _PLAIN[avro["logicalType"]]


def _struct_in(kind: Any) -> Any:
    """The record class inside a union or list; the kind itself when there is none."""
    inner = [entry for entry in getattr(kind, "__args__", ()) if hasattr(entry, "__struct_fields__")]
    return inner[0] if inner else kind
