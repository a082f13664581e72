"""What a command says: rows or one object, as a table, JSON, JSON lines or CSV on stdout; everything else on stderr.

In: plain values. Out: text. A table unless `-o` says which, plain where stdout is no terminal. rich respects NO_COLOR.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from infra.runtime.console import tell

if TYPE_CHECKING:
    from rich.console import RenderableType

Row = Mapping[str, Any]
WIDE = 1_000


class Format(StrEnum):
    """The form of what stands on stdout."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TABLE = "table"


def chosen(wish: Format | None) -> Format:
    """The form that is wished, or the one for people."""
    return wish or Format.TABLE


def show_rows(
    rows: Iterable[Row], wish: Format | None, columns: Sequence[str] = (), *, empty: str = "nothing to show"
) -> None:
    """Many rows. `columns`: those of the table, in order; default all of the first row. `empty`: what no rows mean, told
    beside a table."""
    listed = list(rows)
    match chosen(wish):
        case Format.JSON:
            _say(_json(listed))
        case Format.JSONL:
            for row in listed:
                _say(_json(row))
        case Format.CSV:
            sys.stdout.write(as_csv(listed))
        case Format.TABLE:
            _table(listed, columns or (list(listed[0]) if listed else ()), empty)


def show_one(row: Row, wish: Format | None) -> None:
    """One object: as it is, or as a table of two columns."""
    match chosen(wish):
        case Format.JSON | Format.JSONL:
            _say(_json(row))
        case Format.CSV:
            sys.stdout.write(as_csv([row]))
        case Format.TABLE:
            _table([{"field": name, "value": value} for name, value in _fields(row)], ("field", "value"))


def _fields(row: Row) -> Iterable[tuple[str, Any]]:
    """An object's fields as lines of a table: an object within it is a line for each of its own."""
    for name, value in row.items():
        if isinstance(value, dict) and value:
            yield from ((f"{name} {inner}", part) for inner, part in value.items())
        else:
            yield name, value


def as_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV with a header."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(list(rows[0]))
    writer.writerows([[_cell(row.get(name)) for name in rows[0]] for row in rows])
    return out.getvalue()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return _instant(value, "milliseconds") if isinstance(value, datetime) else str(value)


def _instant(at: datetime, timespec: str) -> str:
    """As the API writes times."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return _instant(value, "seconds")
        case dict():
            return _json(value)
        case list() | tuple():
            return ", ".join(_cell(part) for part in value)
        case _:
            return str(value)


def _words(value: Any) -> str:
    """A cell for a reader: of an object within, its parts."""
    match value:
        case dict():
            return ", ".join(f"{name} {_words(part)}" for name, part in value.items() if part not in (None, "", {}, []))
        case list() | tuple():
            return "; ".join(_words(part) for part in value) if any(isinstance(p, dict) for p in value) else _cell(value)
        case _:
            return _cell(value)


def _table(rows: Sequence[Row], columns: Sequence[str], empty: str = "") -> None:
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        tell(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*[escape(_words(row.get(name))) for name in columns])
    say_table(table)


def say_table(table: RenderableType) -> None:
    """On a terminal within its width. Elsewhere there is none to keep to: nothing is broken that `grep` looks for, and no
    line ends in blanks."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(table)
        return
    console = Console(width=WIDE, file=io.StringIO())
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
