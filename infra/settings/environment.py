"""What the environment holds for other programs and would change ours.

In: the environment. Out: one without it. libpq fills what a URL leaves out from its own variables (`PGHOSTADDR` is another
server, `PGSSLMODE=require` refuses ours, `PGOPTIONS` sets what sessions rely on), and a Java takes options from four, while
settings promise that nothing but `SLUICE_...` counts; what is wanted of them stands in a URL. Nothing can go wrong.
"""

from __future__ import annotations

import os
import re

PURE = "SLUICE_PURE"
"""No setting: when it is set, nothing compiled is loaded (`infra.kernels`), which is decided before settings are read."""
_LIBPQ = re.compile(r"PG[A-Z]+")
_JAVA = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"})


def forget_others() -> None:
    """Take the variables of PostgreSQL's clients out of this process, and so of its children."""
    for name in [name for name in os.environ if _LIBPQ.fullmatch(name)]:
        del os.environ[name]


def wants_sources() -> bool:
    """Whether nothing compiled is to be loaded."""
    return bool(os.environ.get(PURE))


def for_java() -> dict[str, str]:
    """The environment of a Java of ours: no options of others, and a locale in which every path can be named."""
    return {**{name: value for name, value in os.environ.items() if name not in _JAVA}, "LC_ALL": "C.UTF-8"}
