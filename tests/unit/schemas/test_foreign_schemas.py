"""Schemas that others show: the same written in another way, almost the same, compatible, and no schemas at all."""

from __future__ import annotations

import json

import pytest

from schemas.records.codec import SCHEMAS, schema_text
from schemas.records.foreign_schemas import SchemaFault, are_same, check_schema, disagreements


def record(*fields: object, **more: object) -> str:
    return json.dumps({"type": "record", "name": "R", "namespace": "n", "fields": fields} | more)


A = {"name": "a", "type": "int"}
INNER = {"type": "record", "name": "I", "fields": [A]}


@pytest.mark.parametrize(
    ("one", "other", "normalize", "same"),
    [
        (record(A), json.dumps(json.loads(record(A)), indent=3, sort_keys=True), False, True),
        (record(A), record(A, name="n.R", namespace="other"), False, True),
        (record(A), record({"name": "a", "type": {"type": "int"}}), False, True),
        (
            record({"name": "i", "type": INNER}, {"name": "j", "type": "I"}),
            record({"name": "i", "type": INNER | {"name": "n.I"}}, {"name": "j", "type": "n.I"}),
            False,
            True,
        ),
        (record(A), record(A, doc="of another"), False, False),
        (record(A), record(A, doc="of another"), True, True),
        (record(A), record(A | {"default": 1}), True, False),
        (record(A), record(A, namespace="m"), True, False),
        (record(A), record({"name": "a", "type": "long"}), True, False),
        ('"int"', '{"type": "int"}', False, True),
        ('{"type": "long", "logicalType": "timestamp-millis"}', '"long"', True, False),
        ("[]", "1", False, False),
    ],
)
def test_the_same_written_in_another_way(one: str, other: str, normalize: bool, same: bool) -> None:
    assert are_same(one, other, normalize=normalize) is same is are_same(other, one, normalize=normalize)


def test_ours_are_schemas_that_agree_with_themselves() -> None:
    for row in SCHEMAS:
        text = schema_text(row.id)
        check_schema(text)
        assert are_same(text, text, normalize=False) and disagreements(text, text) == []


@pytest.mark.parametrize(
    ("other", "agrees"),
    [
        (record(A | {"default": 1}), True),
        (record(A, {"name": "b", "type": "int", "default": 1}), True),
        (record(A, {"name": "b", "type": "int"}), False),
        (record(), True),
        (record({"name": "a", "type": "long"}), False),
    ],
)
def test_who_reads_whose_records(other: str, agrees: bool) -> None:
    assert (disagreements(other, record(A | {"default": 0})) == []) is agrees


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "1",
        "null",
        "{}",
        '{"type": "rec"}',
        '{"type": []}',
        '{"type": "record"}',
        '{"type": "record", "name": 1, "fields": 1}',
        "[" * 50_000,
        '{"type":' * 5000,
        '"\\ud800"',
        '{"type": "enum", "name": "e", "symbols": [[]]}',
        '{"type": "fixed", "name": "f"}',
    ],
)
def test_no_schemas(text: str) -> None:
    with pytest.raises(SchemaFault):
        check_schema(text)
    with pytest.raises(SchemaFault):
        disagreements(text, record(A))
