"""Avro schemas that others show us: are they schemas, are they one of ours, do they and ours read each other's records.

Enters: JSON text of any size and depth; whoever calls bounds it, and keeps it off an event loop: a schema of 64 kB takes
some ten milliseconds. Leaves: whether they agree. Raises `SchemaFault` for text that is no Avro schema.
"""

from __future__ import annotations

import json
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.constants import PRIMITIVE_TYPES
from avro.errors import AvroException
from avro.schema import parse

_NAMED = ("record", "error", "enum", "fixed")
_INNER = ("fields", "items", "values", "type")


class SchemaFault(ValueError):
    """This text is no Avro schema."""


def check_schema(text: str) -> None:
    """It is an Avro schema."""
    _parse(text)


def are_same(one: str, other: str, *, normalize: bool) -> bool:
    """Whether two schemas are written alike but for white space, order of keys, and short forms of types and names;
    `normalize`: documentation may differ too. Of the second the caller knows that it is a schema."""
    try:
        return bool(_canonical(json.loads(one), "", normalize) == _canonical(json.loads(other), "", normalize))
    except (ValueError, RecursionError) as fault:
        raise SchemaFault(f"no JSON: {fault}") from None


def disagreements(one: str, other: str) -> list[str]:
    """Why one cannot read what the other wrote, or the other way round; empty when each reads the other's records."""
    first, second = _parse(one), _parse(other)
    checker: Any = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    results = (checker.get_compatibility(first, second), checker.get_compatibility(second, first))
    return [
        message
        for result in results
        if result.compatibility is not SchemaCompatibilityType.compatible
        for message in sorted(result.messages) or ["the schemas do not agree"]
    ]


def _parse(text: str) -> Any:
    try:
        return parse(text)
    except (AvroException, ValueError, TypeError, AttributeError, KeyError, RecursionError) as fault:
        # Trap: the library meets odd JSON with whatever Python raises there.
        raise SchemaFault(f"no Avro schema: {str(fault)[:200]}") from None


def _canonical(schema: Any, space: str, normalize: bool) -> Any:
    """The same for all ways to write the schema: full names, and the bare name of a type that has no properties."""
    if isinstance(schema, list):
        return [_canonical(entry, space, normalize) for entry in schema]
    if isinstance(schema, str):
        return schema if schema in PRIMITIVE_TYPES or schema in _NAMED or "." in schema or not space else f"{space}.{schema}"
    if not isinstance(schema, dict):
        return schema
    found = {key: value for key, value in schema.items() if key not in _INNER and not (normalize and key == "doc")}
    if schema.get("type") in _NAMED and isinstance(schema.get("name"), str):
        space = _space_of(schema, space)
        found["name"] = f"{space}.{schema['name'].rpartition('.')[2]}"
        found.pop("namespace", None)
    for key in _INNER:
        if key in schema:
            found[key] = _canonical(schema[key], space, normalize)
    return found["type"] if set(found) == {"type"} and isinstance(found["type"], str) else found


def _space_of(schema: dict[str, Any], space: str) -> str:
    before, dot, _ = schema["name"].rpartition(".")
    return before if dot else str(schema.get("namespace", space))
