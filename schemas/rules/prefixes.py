"""Which row of a table serves a number: the one with the longest prefix.

In: rows by prefix (digits without "+"; "" serves all), and the first digits of a number, at least as many as the longest
prefix has, or all of them. Out: the row, or None. Whoever looks up often remembers what it found by `depth` digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

Row = TypeVar("Row")


def longest_prefix(rows: Mapping[str, Row], digits: str) -> Row | None:
    """The row whose prefix is the longest beginning of these digits.

    >>> longest_prefix({"": "all", "49": "de", "4915": "mobile"}, "4930123")
    'de'
    """
    for size in range(len(digits), -1, -1):
        if digits[:size] in rows:
            return rows[digits[:size]]
    return None


def depth(prefixes: Iterable[str]) -> int:
    """How many first digits decide: the length of the longest prefix."""
    return max(map(len, prefixes), default=0)
