"""Schemas: equal to their records, frozen once given out, and readable across versions in both directions."""

from __future__ import annotations

import io
import json
from itertools import product
from typing import Any

import avro.io
import avro.schema
import msgspec
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas.records.codec import SCHEMAS, SchemaRow, encode, schema_text
from schemas.records.compatibility import fingerprint, newest_rows, print_faults, read_prints, row_faults, struct_faults
from schemas.records.examples import examples
from schemas.records.wire import Owner, Record

BY_CLASS: dict[type, Record] = {type(example): example for example in examples()}
PAIRS = [pair for pair in product(SCHEMAS, SCHEMAS) if pair[0].record is pair[1].record]
AGAIN = (
    "{faults}\nA schema that was given out is never edited: copy the .avsc as the next version, give it a row with a new "
    "id in schemas/records/codec.py, then run `python -m schemas.records.compatibility --freeze`. "
    "(While nothing has been released yet: `python -m schemas.records.compatibility --freeze --anew`.)"
)
OWNER: dict[str, Any] = {
    "type": "record",
    "name": "Owner",
    "namespace": "sluice",
    "fields": [{"name": "owner", "type": "string"}, {"name": "lane", "type": "string"}, {"name": "at", "type": "long"}],
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The record of schema `OWNER`."""

    owner: str
    lane: str
    at: int


def readable(reader: str, writer: str) -> bool:
    checker: Any = ReaderWriterCompatibilityChecker  # why Any: the library has no types
    verdict = checker().get_compatibility(avro.schema.parse(reader), avro.schema.parse(writer))
    return bool(verdict.compatibility is SchemaCompatibilityType.compatible)


def changed(**fields: Any) -> str:
    return json.dumps({**OWNER, **fields})


@pytest.mark.parametrize("row", newest_rows(), ids=lambda row: row.file)
def test_the_newest_schema_has_exactly_the_fields_of_its_record(row: SchemaRow) -> None:
    assert struct_faults(row) == []


def test_older_versions_keep_the_fields_of_their_time() -> None:
    first, second = SchemaRow(1, Owner, 1, "a"), SchemaRow(2, Owner, 2, "b")
    assert newest_rows((first, second)) == [second]


def test_ids_and_versions_are_in_order() -> None:
    assert row_faults() == []
    assert row_faults((SchemaRow(1, Owner, 1, "a"), SchemaRow(1, Owner, 2, "b"))) == ["id 1 is given out twice"]
    assert row_faults((SchemaRow(1, Owner, 2, "a"),)) == ["a: version 2 of Owner is out of order"]


def test_no_schema_changes_once_it_is_frozen() -> None:
    faults = print_faults()
    assert faults == [], AGAIN.format(faults="\n".join(faults))


def test_the_frozen_table_notices_an_edit_a_loss_and_a_newcomer() -> None:
    frozen = read_prints()
    edited = {**frozen, "2": {**frozen["2"], "print": fingerprint(changed(fields=OWNER["fields"][:2]))}}
    assert any("owner.v1.avsc: differs" in fault for fault in print_faults(edited))
    assert any("given out and is gone" in fault for fault in print_faults({**frozen, "999": frozen["2"]}))
    assert any("not frozen" in fault for fault in print_faults({k: v for k, v in frozen.items() if k != "2"}))


def test_a_fingerprint_sees_meaning_and_not_documentation() -> None:
    assert fingerprint(changed(doc="something else")) == fingerprint(changed())
    assert fingerprint(changed(fields=OWNER["fields"][::-1])) != fingerprint(changed())
    defaulted = [*OWNER["fields"][:2], {"name": "at", "type": "long", "default": 0}]
    assert fingerprint(changed(fields=defaulted)) != fingerprint(changed())


@pytest.mark.parametrize(("writer", "reader"), PAIRS, ids=lambda row: row.file)
def test_each_versions_bytes_are_read_with_each_other_version(writer: SchemaRow, reader: SchemaRow) -> None:
    written, wanted = schema_text(writer.id), schema_text(reader.id)
    assert readable(wanted, written)
    body = encode(BY_CLASS[writer.record])[5:]
    newest = avro.schema.parse(schema_text(max(row.id for row in SCHEMAS if row.record is writer.record)))
    as_writer = avro.io.DatumReader(newest, avro.schema.parse(written)).read(avro.io.BinaryDecoder(io.BytesIO(body)))
    out = io.BytesIO()
    avro.io.DatumWriter(avro.schema.parse(written)).write(as_writer, avro.io.BinaryEncoder(out))
    source = io.BytesIO(out.getvalue())
    resolving = avro.io.DatumReader(avro.schema.parse(written), avro.schema.parse(wanted))
    read: Any = resolving.read(avro.io.BinaryDecoder(source))
    assert source.read() == b""
    assert [field["name"] for field in json.loads(wanted)["fields"]] == list(read)


@pytest.mark.parametrize(
    "fields",
    [
        [*OWNER["fields"], {"name": "host", "type": "string"}],
        [OWNER["fields"][0], {"name": "lane", "type": "long"}, OWNER["fields"][2]],
    ],
    ids=["a new field without default", "another type"],
)
def test_the_check_refuses_what_breaks_readers(fields: list[Any]) -> None:
    assert not readable(changed(fields=fields), changed())


def test_the_check_passes_a_new_field_with_a_default_in_both_directions() -> None:
    wider = changed(fields=[*OWNER["fields"], {"name": "host", "type": "string", "default": ""}])
    assert readable(wider, changed())
    assert readable(changed(), wider)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (OWNER["fields"][:2], "fields"),
        (OWNER["fields"][::-1], "fields"),
        ([*OWNER["fields"][:2], {"name": "at", "type": "string"}], "against string"),
        ([*OWNER["fields"][:2], {"name": "at", "type": ["null", "long"], "default": None}], "nullable"),
        ([*OWNER["fields"][:2], {"name": "at", "type": "long", "default": 0}], "default"),
    ],
    ids=["missing", "order", "type", "nullability", "default"],
)
def test_a_schema_that_differs_from_its_record_is_told(
    monkeypatch: pytest.MonkeyPatch, fields: list[Any], told: str
) -> None:
    monkeypatch.setattr("schemas.records.compatibility.schema_text", lambda _id: changed(fields=fields))
    faults = struct_faults(SchemaRow(2, Told, 1, "owner.v1.avsc"))
    assert faults
    assert told in faults[0]
