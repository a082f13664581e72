"""Codec: what goes in comes out, for every record; whatever else comes in is a DecodeError and nothing else."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import avro.io
import avro.schema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import codec
from schemas.records.codec import SCHEMAS, DecodeError, decode, decode_as, encode, schema_text
from schemas.records.examples import examples
from schemas.records.wire import Envelope, Owner, Record
from tests.support.strategies import record_strategy

RECORDS = sorted({row.record for row in SCHEMAS}, key=lambda record: record.__name__)
EXAMPLES = examples()


def named(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_every_record_comes_back_as_it_was(record: type) -> None:
    @given(record_strategy(record))
    def round_trip(value: Record) -> None:
        assert decode(encode(value)) == value
        assert decode_as(encode(value), record) == value

    round_trip()


def test_there_is_one_example_of_every_record_in_the_order_of_their_first_ids() -> None:
    assert [type(example) for example in EXAMPLES] == list(dict.fromkeys(row.record for row in SCHEMAS))


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_the_wire_form_is_confluents(example: Record) -> None:
    magic, schema_id = struct.unpack(">BI", encode(example)[:5])
    assert magic == 0
    assert next(row.record for row in SCHEMAS if row.id == schema_id) is type(example)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_a_foreign_avro_library_reads_the_same_fields(example: Record) -> None:
    data = encode(example)
    schema = avro.schema.parse(schema_text(struct.unpack(">I", data[1:5])[0]))
    source = io.BytesIO(data[5:])
    value: Any = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(source))
    assert source.read() == b""
    assert list(value) == list(example.__struct_fields__)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_every_truncation_is_a_decode_error(example: Record) -> None:
    data = encode(example)
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            decode(data[:end])


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_trailing_bytes_are_a_decode_error(example: Record) -> None:
    with pytest.raises(DecodeError, match="too many"):
        decode(encode(example) + b"\0")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\0\0\0\0", "shorter"),
        (b'{"to": "+4915112345678"}', "first byte"),
        (struct.pack(">BI", 0, 0), "not one of ours"),
        (struct.pack(">BI", 0, 2**32 - 1), "not one of ours"),
        (struct.pack(">BI", 1, 1), "first byte"),
    ],
)
def test_what_is_no_record_of_ours_is_a_decode_error(data: bytes | None, told: str) -> None:
    with pytest.raises(DecodeError, match=told):
        decode(data)


@given(st.sampled_from([row.id for row in SCHEMAS]), st.binary(max_size=200))
def test_foreign_bytes_behind_a_good_header_never_raise_anything_else(schema_id: int, body: bytes) -> None:
    try:
        value = decode(struct.pack(">BI", 0, schema_id) + body)
    except DecodeError as fault:
        assert len(str(fault)) < 400
    else:
        assert type(value) in RECORDS


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_changed_byte_never_raises_anything_else(example: Record, data: st.DataObject) -> None:
    broken = bytearray(encode(example))
    broken[data.draw(st.integers(5, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert type(decode(bytes(broken))) is type(example)
    except DecodeError as fault:
        assert str(fault)


def test_another_record_than_the_expected_one_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="a Owner where a Envelope belongs"):
        decode_as(encode(Owner(owner="a", lane="otp", at=1)), Envelope)


def test_an_id_that_was_never_given_out_has_no_schema() -> None:
    with pytest.raises(KeyError):
        schema_text(10_000)


def test_an_old_version_is_read_as_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 had a field that is gone and lacks one with a default; the record of today comes out."""
    old = {
        "type": "record",
        "name": "Owner",
        "namespace": "sluice",
        "fields": [{"name": "owner", "type": "string"}, {"name": "host", "type": "string"}, {"name": "at", "type": "int"}],
    }
    new = {
        "type": "record",
        "name": "Owner",
        "namespace": "sluice",
        "fields": [
            {"name": "owner", "type": "string"},
            {"name": "lane", "type": "string", "default": "otp"},
            {"name": "at", "type": "long"},
        ],
    }
    texts = {901: json.dumps(old), 902: json.dumps(new)}
    rows = (codec.SchemaRow(901, Owner, 1, "old"), codec.SchemaRow(902, Owner, 2, "new"))
    monkeypatch.setattr(codec, "SCHEMAS", rows)
    monkeypatch.setattr(codec, "schema_text", texts.__getitem__)
    for cached in (codec._id_of, codec._class_of, codec._reader):
        cached.cache_clear()
    try:
        out = io.BytesIO()
        avro.io.DatumWriter(avro.schema.parse(texts[901])).write(
            {"owner": "dispatch-otp-0", "host": "here", "at": 7}, avro.io.BinaryEncoder(out)
        )
        assert decode(struct.pack(">BI", 0, 901) + out.getvalue()) == Owner(owner="dispatch-otp-0", lane="otp", at=7)
        assert decode(encode(Owner(owner="b", lane="marketing", at=8))) == Owner(owner="b", lane="marketing", at=8)
    finally:
        for cached in (codec._id_of, codec._class_of, codec._reader):
            cached.cache_clear()
