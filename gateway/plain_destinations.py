"""Destinations that are written as they are kept, a plus and digits: the number of each, and what a table says of how it
begins.

In: texts; by length of a text a table, asked by its first characters. Out: numbers and what the tables say, in step, or
None where a text is something else than a plus and digits, or of a length that has no table. KeyError where a table knows
nothing.
`plain_destinations.pyx` is the same in C; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_DIGITS = b"0123456789"


def look_up(texts: Sequence[str], tables: Sequence[Mapping[str, _T]], width: int) -> tuple[list[int], list[_T]] | None:
    """`width`: characters of a beginning; tables are of texts up to 20 characters at most."""
    together = "".join(texts)
    # With as many pluses as texts, and digits besides, `int` takes all of them only if each has one in front.
    if not together.isascii() or together.encode().translate(None, _DIGITS) != b"+" * len(texts):
        return None
    lengths = set(map(len, texts))
    try:
        if max(lengths, default=-1) >= len(tables):
            return None
        return list(map(int, texts)), [tables[len(text)][text[:width]] for text in texts]
    except ValueError:
        return None
