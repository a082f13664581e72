"""What keeps old and new programs able to read each other: checks of the schemas against their records and their past.

In: the rows of `codec.SCHEMAS`, their `.avsc` files, and `avro/fingerprints.json`, the frozen print of every version. Out:
sentences about what does not fit; empty when all is well. A version that was released is never edited: a change is a new
file, a new row and a new id. `python -m schemas.records.compatibility --freeze` adds prints of versions that have none;
with `--anew` it replaces all of them, which is right only while nothing has been released.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

from schemas.records.codec import SCHEMAS, SchemaRow, schema_text
from schemas.records.slice import Slice

PRINTS = Path(__file__).parent / "avro" / "fingerprints.json"
_NUMBERS = {"int", "long"}


def fingerprint(text: str) -> str:
    """A digest of what a schema means: names, order, types, defaults; documentation does not count."""
    return sha256(json.dumps(_without_docs(json.loads(text)), sort_keys=True).encode()).hexdigest()


def row_faults(rows: Iterable[SchemaRow] = SCHEMAS) -> list[str]:
    """Whether ids are used once and each record's versions run 1, 2, 3 ... with ids in the same order."""
    out, ids, versions = [], set(), dict[type, int]()
    for row in rows:
        if row.id in ids:
            out.append(f"id {row.id} is given out twice")
        ids.add(row.id)
        if row.version != versions.get(row.record, 0) + 1:
            out.append(f"{row.file}: version {row.version} of {row.record.__name__} is out of order")
        versions[row.record] = row.version
    return out


def print_faults(frozen: dict[str, dict[str, str]] | None = None) -> list[str]:
    """Versions that were edited after they were frozen, were never frozen, or have vanished."""
    known = read_prints() if frozen is None else frozen
    out = [
        f"schema id {number} ({entry['file']}) was given out and is gone"
        for number, entry in known.items()
        if int(number) not in {row.id for row in SCHEMAS}
    ]
    for row in SCHEMAS:
        entry = known.get(str(row.id))
        if entry is None:
            out.append(f"{row.file}: not frozen yet")
        elif entry != _entry(row):
            out.append(f"{row.file}: differs from what was frozen under id {row.id}; make it a new version")
    return out


def newest_rows(rows: Iterable[SchemaRow] = SCHEMAS) -> list[SchemaRow]:
    """The newest version of each record's schema; the older ones have the fields of their time."""
    return list({row.record: row for row in rows}.values())


def struct_faults(row: SchemaRow) -> list[str]:
    """Where a schema and its record disagree: names, order, types, nullability, defaults."""
    return _record_faults(row.record, json.loads(schema_text(row.id)), row.record.__name__)


def read_prints() -> dict[str, dict[str, str]]:
    """The frozen prints by schema id."""
    if not PRINTS.exists():
        return {}
    prints: dict[str, dict[str, str]] = json.loads(PRINTS.read_text(encoding="utf-8"))
    return prints


def freeze(*, anew: bool = False) -> None:
    """Write the prints of versions that have none; `anew`: of all."""
    prints = {} if anew else read_prints()
    for row in SCHEMAS:
        prints.setdefault(str(row.id), _entry(row))
    PRINTS.write_text(json.dumps(prints, indent=1) + "\n", encoding="utf-8")


def _entry(row: SchemaRow) -> dict[str, str]:
    return {"file": row.file, "print": fingerprint(schema_text(row.id))}


def _without_docs(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_docs(entry) for name, entry in value.items() if name != "doc"}
    if isinstance(value, list):
        return [_without_docs(entry) for entry in value]
    return value


def _record_faults(record: type[msgspec.Struct], schema: Any, where: str) -> list[str]:
    fields, columns = msgspec.structs.fields(record), schema["fields"]
    names = [field.name for field in fields]
    if names != [column["name"] for column in columns]:
        return [f"{where}: fields {names} against {[column['name'] for column in columns]}"]
    out = []
    for field, column in zip(fields, columns, strict=True):
        place = f"{where}.{field.name}"
        out += _type_faults(field.type, column["type"], place)
        out += _default_faults(field, column, place)
    return out


def _type_faults(kind: Any, avro: Any, where: str) -> list[str]:
    nullable = NoneType in get_args(kind)
    if nullable != isinstance(avro, list):
        return [f"{where}: nullable on one side only"]
    if nullable:
        if avro[0] != "null" or len(avro) != 2:
            return [f"{where}: a nullable field is ['null', type]"]
        kind, avro = next(entry for entry in get_args(kind) if entry is not NoneType), avro[1]
    if get_origin(kind) is list:
        return _type_faults(get_args(kind)[0], avro["items"], f"{where}[]")
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        # A slice inside another record travels as the bytes of an envelope, so that slices have one schema.
        return [] if avro == "bytes" and kind is Slice else _record_faults(kind, avro, where)
    fits = _avro_types(kind, where.rpartition(".")[2])
    name = avro.get("logicalType") if isinstance(avro, dict) else avro
    return [] if name in fits else [f"{where}: {kind} against {avro}"]


def _avro_types(kind: Any, name: str) -> set[str]:
    if kind is int:
        return {"bytes"} if name in {"positions", "charged", "refunded"} else _NUMBERS | {"timestamp-millis"}
    return {str: {"string"}, bytes: {"bytes"}, bool: {"boolean"}}[kind]


def _default_faults(field: msgspec.structs.FieldInfo, column: Any, where: str) -> list[str]:
    own = field.default.decode() if isinstance(field.default, bytes) else field.default
    if own is msgspec.NODEFAULT:
        own = column.get("default") if isinstance(column["type"], list) else msgspec.NODEFAULT
    if own is msgspec.NODEFAULT:
        return [f"{where}: a default in the schema alone"] if "default" in column else []
    if "default" not in column:
        return [f"{where}: a default in the record alone"]
    # A set of positions travels as bytes: an empty one is 0 here and "" there.
    if own == 0 and column["type"] == "bytes":
        own = ""
    return [] if column["default"] == own else [f"{where}: default {own!r} against {column['default']!r}"]


def main(arguments: list[str]) -> int:
    """`--freeze [--anew]` writes the prints; without arguments all faults are printed."""
    if "--freeze" in arguments:
        freeze(anew="--anew" in arguments)
    faults = row_faults() + print_faults() + [fault for row in newest_rows() for fault in struct_faults(row)]
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
