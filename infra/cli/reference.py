"""The reference in `docs/reference/`, made from the code, so that it cannot tell anything else.

In: topics, reasons, states, settings, schemas. Out: one Markdown file each; `python -m infra.cli.reference` writes them,
with `--check` it only names those that are not up to date and exits 1. Nothing else can go wrong than the disk.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

from infra.settings.carriers import CarrierSettings
from infra.settings.docs import default_text, variables
from infra.settings.environment import PURE
from infra.settings.model import RouteSettings
from infra.settings.profiles import ProfileSettings
from infra.settings.shape import keys_of
from schemas.records.codec import SCHEMAS, SchemaRow, schema_text
from schemas.records.examples import examples
from schemas.records.topics import DAY, TOPICS, Topic
from schemas.values.command_status import MEANING_OF_CLASS, TABLE, written
from schemas.values.reasons import Disposition, Reason
from schemas.values.receipt_states import TABLE as RECEIPT_TABLE
from schemas.values.status import ABOVE_SENDS, FINAL, RECEIPT_STATES, STATUSES, Status

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
_MADE = "<!-- Made by `python -m infra.cli.reference`; change the code, not this file. -->\n"
_DONE_WITH = {
    Disposition.HOLD: "It waits, and goes on by itself.",
    Disposition.RETRY: "It is tried again.",
    Disposition.DEAD_LETTER: "It becomes a dead letter for the operator.",
    Disposition.REJECT: "It ends before any carrier.",
    Disposition.FAIL: "It ends with the carrier's word.",
    Disposition.INFO: "Explains a state, decides nothing.",
}


def pages() -> dict[str, str]:
    """The text of every page by its file's name."""
    return {
        "topics.md": topics_page(),
        "reasons.md": reasons_page(),
        "statuses.md": statuses_page(),
        "smpp-codes.md": smpp_codes_page(),
        "settings.md": settings_page(),
        "schemas.md": schemas_page(),
    }


def topics_page() -> str:
    """Every topic once."""
    rows = [
        (
            f"`{row.name}`",
            ", ".join(row.records),
            row.key,
            row.partitions,
            _kept(row),
            ", ".join(row.writers),
            ", ".join(row.readers),
            row.dead_letters_by,
        )
        for row in TOPICS
    ]
    return _page(
        "Topics",
        "Values are Avro in the Confluent wire format; keys are UTF-8, placed by murmur2 as Kafka's own "
        "clients do. The partitions never change. Poison of a topic becomes a dead letter by the role in the last column; "
        "other readers count it and go on. What subscribers, billing or operators read is kept "
        "uncompressed, so that every client reads it; the rest is LZ4 (`kafka.public_compression`, "
        "`kafka.internal_compression`).",
        _table(("topic", "records", "key", "partitions", "kept", "written by", "read by", "dead letters by"), rows),
    )


def reasons_page() -> str:
    """Every reason, grouped by what is done."""
    parts = []
    for disposition in Disposition:
        rows = [(f"`{reason}`", reason.number, reason.sentence) for reason in Reason if reason.disposition is disposition]
        parts += [f"## {disposition}\n\n{_DONE_WITH[disposition]}\n", _table(("code", "stored as", "meaning"), rows)]
    return _page("Reasons", "Why a message waits, goes round again, ends or becomes a dead letter.", *parts)


_RECEIPTS = r"""\ Case, blanks, `_` and `-` do not matter. A receipt that names two states, in its text and in message_state:
an end counts more than `UNKNOWN`, that more than a state on the way; where they say as much, message_state counts. A state
in no table changes nothing: the receipt becomes a dead letter with its bytes (`dead-letter`), confirmed to the carrier, and
said in dispatch's log. A carrier's own words are added by `receipt_states` of its `[carriers.smpp]`: a word, or a number of
message_state, and one of `delivered`, `undelivered`, `expired`, `rejected`, `no_change`; `sluice carrier apply` puts them
into force."""


def statuses_page() -> str:
    """The states in the order of their rank, and what receipts mean."""
    rows = [(status.rank, f"`{status}`", "yes" if status in FINAL else "", _sequence(status)) for status in STATUSES]
    listed = {row.state: (", ".join(map(str, row.numbers)), ", ".join(row.spellings)) for row in RECEIPT_TABLE}
    receipts = [
        (f"`{state}`", *((f"`{outcome[0]}`", f"`{outcome[1]}`") if outcome else ("no change", "")), *listed[state])
        for state, outcome in RECEIPT_STATES.items()
    ]
    return _page(
        "States",
        "A message's state is that of its highest `sequence`; the order in which events arrive does not "
        "matter. `sent` and `uncertain` are not final: a receipt may still come. `scheduled` and `read` are part "
        "of the order and nothing writes them yet.",
        _table(("rank", "state", "final", "sequence"), rows),
        "## What a carrier's receipt means\n",
        _table(("receipt", "state", "reason", "message_state", "also written"), receipts),
        _RECEIPTS,
    )


_OWN_CODES = r"""## A carrier's own codes

A code that is not here, as those of a vendor from `0x00000400` on, is `unknown` until the carrier's table says better. The
table also changes the class of a code that is here:

```toml
[carriers.errors]
"0x00000400" = "permanent"
"0x00000045" = "transient"
```

`sluice carrier apply ID` puts it into force, `sluice carrier show ID` shows what is (`settings`, `errors`)."""


def smpp_codes_page() -> str:
    """Every command_status with its class."""
    rows = [(f"`{written(row.status)}`", f"`{row.name}`", row.klass, row.since) for row in TABLE]
    classes = [(name, meaning) for name, meaning in MEANING_OF_CLASS.items()]
    return _page(
        "SMPP codes",
        "What a submit means that was answered with this `command_status`.",
        _table(("class", "what becomes of the message"), classes),
        "## Codes of the standard\n",
        _table(("command_status", "name", "class", "since SMPP"), rows),
        _OWN_CODES,
    )


def settings_page() -> str:
    """Every setting with its variable and default."""
    rows = [
        (f"`{row['variable']}`", f"`{row['key']}`", f"`{row['default']}`" if row["default"] else "", row["meaning"])
        for row in variables()
    ]
    return _page(
        "Settings",
        "Flags win over the environment, that over the file (`--config`, else `./sluice.toml`). "
        "An empty value counts as unset; an unknown key stops the start. "
        f"`{PURE}=1` is no setting: nothing compiled is loaded then (`sluice doctor` says which form runs).",
        _table(("variable", "key in the file", "default", "meaning"), rows),
        "## Carriers, routes, profiles\n\nSeeded into PostgreSQL by `sluice up`, changed there afterwards.\n",
        _list_of("`[[carriers]]`", CarrierSettings),
        _list_of("`[[routes]]`", RouteSettings),
        _list_of("`[profiles.NAME]`", ProfileSettings),
    )


def schemas_page() -> str:
    """Every record with its fields and an example."""
    shown = {type(example): example for example in examples()}
    newest = {row.record: row for row in SCHEMAS}
    parts = [_record(row, shown[row.record]) for row in newest.values()]  # type: ignore[index]  # why: SchemaRow is wider
    return _page(
        "Schemas",
        "Each value begins with a zero byte and the schema's id in four bytes, big-endian; the gateway "
        "serves the schemas under `/registry/schemas/ids/{id}`. In the examples bytes stand as base64 and sets "
        "of positions as numbers.",
        *parts,
        "# Records inside records\n",
        *_inner_records(),
    )


def _record(row: SchemaRow, example: msgspec.Struct) -> str:
    schema = json.loads(schema_text(row.id))
    shown = json.dumps(json.loads(msgspec.json.encode(example)), indent=1, ensure_ascii=False)
    return (
        f"## {row.record.__name__}\n\nId {row.id}, version {row.version}. {schema['doc']}\n\n"
        f"{_fields(schema)}\n```json\n{shown}\n```\n"
    )


def _inner_records() -> list[str]:
    found: dict[str, Any] = {}
    for row in SCHEMAS:
        _collect(json.loads(schema_text(row.id))["fields"], found)
    return [f"## {name}\n\n{schema['doc']}\n\n{_fields(schema)}" for name, schema in found.items()]


def _collect(node: Any, found: dict[str, Any]) -> None:
    if isinstance(node, list):
        for entry in node:
            _collect(entry, found)
    elif isinstance(node, dict):
        if node.get("type") == "record":
            found[node["name"]] = node
        for entry in node.values():
            _collect(entry, found)


def _fields(schema: Any) -> str:
    rows = [
        (
            f"`{field['name']}`",
            f"`{_avro(field['type'])}`",
            f"`{json.dumps(field['default'])}`" if "default" in field else "",
        )
        for field in schema["fields"]
    ]
    return _table(("field", "type", "default"), rows)


def _avro(kind: Any) -> str:
    if isinstance(kind, list):
        return " or ".join(_avro(entry) for entry in kind)
    if isinstance(kind, str):
        return kind
    if kind["type"] == "array":
        return f"array of {_avro(kind['items'])}"
    return str(kind.get("logicalType") or kind["name"])


def _list_of(title: str, model: type[BaseModel]) -> str:
    rows = [
        (
            f"`{key.dotted}`",
            "required" if key.field.is_required() else "" if key.secret else f"`{default_text(key)}`",
            key.field.description or "",
        )
        for key in keys_of(model).values()
    ]
    return f"### {title}\n\n{_table(('key', 'default', 'meaning'), rows)}"


def _kept(row: Topic) -> str:
    return "newest per key" if row.retention_ms is None else f"{row.retention_ms // DAY} days"


def _sequence(status: Status) -> str:
    return f"{ABOVE_SENDS} + {status.rank}" if status in {Status.DELIVERED, Status.READ} else f"send × 16 + {status.rank}"


def _page(title: str, lead: str, *parts: str) -> str:
    return "\n".join([f"{_MADE}# {title}\n\n{lead}\n", *parts])


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def stale(folder: Path) -> list[str]:
    """The pages in this folder that are missing or differ."""
    return [
        name
        for name, text in pages().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]


def write(folder: Path) -> None:
    """Write all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write the pages; with `--check` name those that are not up to date."""
    if "--check" not in arguments:
        write(FOLDER)
        return 0
    names = stale(FOLDER)
    sys.stdout.write("".join(f"docs/reference/{name} is not up to date\n" for name in names))
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
