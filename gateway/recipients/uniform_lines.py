"""Lines that differ only in what stands between the same pieces, as columns.

In: lines without a newline at their end; the pieces, whose gaps are the contents of JSON strings. Out: a column of texts
for each gap, or None when a line does not consist of these pieces, or has in a gap what is no UTF-8, or a backslash or a
control character, for then it is another text than its octets say. `uniform_lines.pyx` is the same in C; a test holds the
two equal.
"""

from __future__ import annotations

import re
from functools import lru_cache

QUICK = False
"""Whether this takes less time than to decode the lines one by one: a regular expression does not."""
_GAP = rb'([^"\\\x00-\x1f]*+)'


def columns_of(lines: bytes, pieces: tuple[bytes, ...]) -> list[list[str]] | None:
    """The texts of each gap; there are two pieces at least."""
    found = _pattern(pieces).findall(lines)
    if len(found) != lines.count(b"\n") + 1:
        return None
    columns = zip(*found, strict=True) if len(pieces) > 2 else [found]
    try:
        return [b"\n".join(column).decode().split("\n") for column in columns]
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=64)
def _pattern(pieces: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(rb"(?:\A|(?<=\n))" + _GAP.join(map(re.escape, pieces)) + rb"(?=\n|\Z)")
