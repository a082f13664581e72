"""SQL lies in `.sql` files beside the code that runs it; this reads them.

In: the package (dotted name) and the file's name, with or without `.sql`. Out: its text, read once per process. A file
that is not there raises FileNotFoundError.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def load_sql(package: str, name: str) -> str:
    """The statement in `name` of this package, e.g. `load_sql("connectors.sinks", "apply_usage")`."""
    file = name if name.endswith(".sql") else f"{name}.sql"
    return files(package).joinpath(file).read_text(encoding="utf-8")
