"""SQL lies in `.sql` files beside the code that runs it; this reads them.

In: the package (dotted name) and the statement's name. A statement of six lines and more is a file of its own, `<name>.sql`;
shorter ones stand together in the package's `statements.sql`, each behind a line `-- name: <name>`. Out: the text, read once
per process. Unknown names raise FileNotFoundError.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAME = "-- name: "


@cache
def load_sql(package: str, name: str) -> str:
    """The statement of this package, e.g. `load_sql("connectors.sinks", "lock_balances")`."""
    short = named_statements(package, "statements")
    if name in short:
        return short[name]
    file = files(package).joinpath(f"{name}.sql")
    if not file.is_file():
        raise FileNotFoundError(f"{package} has no statement {name}")
    return file.read_text(encoding="utf-8")


@cache
def named_statements(package: str, file: str) -> Mapping[str, str]:
    """All statements of `<file>.sql`, by name; none without the file."""
    path = files(package).joinpath(f"{file}.sql")
    if not path.is_file():
        return {}
    named = (part.partition("\n") for part in f"\n{path.read_text(encoding='utf-8')}".split(f"\n{_NAME}")[1:])
    return {name.strip(): statement.strip().removesuffix(";") for name, _, statement in named}
