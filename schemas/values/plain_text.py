"""Segments of texts whose characters all take one septet, by their lengths alone: a block is counted without being rendered.

In: a body; for each variable that it names, in the order in which it names them first, a column of values. Out: segments and
characters of each text, or None where not all texts are so, one is too long or a value is missing: whoever asks then counts
them one by one. Whether look-alikes are replaced makes no difference to such texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from operator import add

from schemas.values.template import CACHED_TEMPLATES, compile_template
from schemas.values.text import ESCAPE, GSM7_BASIC, MAX_SEGMENTS, PART, SINGLE

_SEPTETS = GSM7_BASIC.replace(chr(ESCAPE), "").encode("latin-1", "ignore")
"""Those of them that Latin-1 has; Greek capitals are counted one by one."""
_ALONE, _AMONG = SINGLE["gsm7"], PART["gsm7"]
MAX_AT_ONCE = 200_000
"""Characters of a block that are looked at together."""


class PlainTexts:
    """The texts of one body."""

    def __init__(self, body: str) -> None:
        template = compile_template(body)
        self._uses = Counter(template.names)
        self.names = tuple(self._uses)
        literals = "".join(template.literals)
        self._length = len(literals) if _is_plain(literals) else None

    def count(self, values: Sequence[Sequence[str | None]]) -> tuple[list[int], list[int]] | None:
        """Segments, and characters."""
        if self._length is None or not values:
            return None
        lengths = [self._length] * len(values[0])
        try:
            for column, uses in zip(values, self._uses.values(), strict=True):
                own = map(len, column)  # type: ignore[arg-type]
                lengths = list(map(add, lengths, own if uses == 1 else map(uses.__mul__, own)))
            together = "".join(chain(*values)) if sum(lengths) <= MAX_AT_ONCE else ""  # type: ignore[arg-type]
        except TypeError:
            return None
        longest = max(lengths, default=0)
        if sum(lengths) > MAX_AT_ONCE or longest > _AMONG * MAX_SEGMENTS or not _is_plain(together):
            return None
        if longest <= _ALONE:
            return [1] * len(lengths), lengths
        return [1 if length <= _ALONE else -(-length // _AMONG) for length in lengths], lengths


@lru_cache(maxsize=CACHED_TEMPLATES)
def plain_texts(body: str) -> PlainTexts:
    """The same for a body that is asked about again."""
    return PlainTexts(body)


def _is_plain(text: str) -> bool:
    """Whether every character is surely one septet, and the same whether look-alikes are replaced or not."""
    try:
        return not text.encode("latin-1").translate(None, _SEPTETS)
    except UnicodeEncodeError:
        return False
