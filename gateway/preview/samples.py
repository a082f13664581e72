"""What a preview shows of the texts themselves: a few as they will be read, and a character that makes one of them dear.

Enters: accepted recipients, a block at a time, in the place of the chunker. Leaves: the first texts, the longest and the
first one that a recipient's own value makes UCS-2, each with its segments; that value's character. Nothing is kept of a
recipient whose text is not shown. Nothing raises: what cannot be sent never comes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from gateway.preview.types import TextSample
from gateway.screening.chunker import Rows
from schemas.values.phone.number import format_e164
from schemas.values.template import compile_template
from schemas.values.text import alphabet_of, characters_outside_gsm7, count_segments, smart

FIRST = 3
"""So many recipients are shown in any case."""
MOST_LOOKED_INTO = 200_000
"""Characters of a block whose values are searched for one outside GSM-7: a fraction of a millisecond."""


class OddValue(NamedTuple):
    """A value that makes a text UCS-2. `place`: of the recipient, from 0; `position`: of the character in
    the value, from 1."""

    place: int
    name: str
    character: str
    position: int


class _Kept(NamedTuple):
    place: int
    number: int
    values: list[str]


class Samples:
    """The texts of one body that are shown."""

    def __init__(self, body: str, smart_encoding: bool) -> None:
        self._template = compile_template(body)
        self._names = tuple(dict.fromkeys(self._template.names))
        self._smart = smart_encoding
        literals = "".join(self._template.literals)
        self._seeks = bool(self._names) and alphabet_of(smart(literals) if smart_encoding else literals) == "gsm7"
        self._kept: dict[int, _Kept] = {}
        self._longest: _Kept | None = None
        self._most = 0
        self.odd: OddValue | None = None

    def keep(self, _buckets: Sequence[int], rows: Rows) -> None:
        """Look at accepted recipients."""
        for rank in range(min(len(rows.indexes), max(FIRST - len(self._kept), 0))):
            self._show(_at(rows, rank))
        if not self._names:
            return
        lengths = [sum(map(len, values)) for values in zip(*rows.values, strict=True)]
        most = max(lengths)
        if most > self._most:
            self._most, self._longest = most, _at(rows, lengths.index(most))
        if self._seeks and self.odd is None and sum(lengths) <= MOST_LOOKED_INTO:
            self._seek(rows)

    def texts(self) -> list[TextSample]:
        """Those that are shown, in the order of the recipients."""
        if self._longest is not None:
            self._show(self._longest)
        return [self._text(kept) for _, kept in sorted(self._kept.items())]

    def _show(self, kept: _Kept) -> None:
        self._kept.setdefault(kept.place, kept)

    def _seek(self, rows: Rows) -> None:
        """The first recipient of the block with a character outside GSM-7."""
        if not self._outside("".join(chain(*rows.values))):
            return
        for rank, values in enumerate(zip(*rows.values, strict=True)):
            for name, value in zip(self._names, values, strict=True):
                outside = self._outside(value)
                if outside:
                    position = min(map(value.index, outside))
                    self.odd = OddValue(rows.indexes[rank], name, value[position], position + 1)
                    self._show(_at(rows, rank))
                    return

    def _outside(self, text: str) -> set[str]:
        return outside_gsm7(text, self._smart)

    def _text(self, kept: _Kept) -> TextSample:
        text = self._template.render(dict(zip(self._names, kept.values, strict=True)))
        if self._smart:
            text = smart(text)
        return TextSample(to=format_e164(kept.number), text=text, segments=count_segments(text)[1])


def outside_gsm7(text: str, smart_encoding: bool) -> set[str]:
    """Characters that GSM-7 lacks, and for which nothing is put in their place."""
    outside = characters_outside_gsm7(text)
    return {one for one in outside if characters_outside_gsm7(smart(one))} if smart_encoding else outside


def _at(rows: Rows, rank: int) -> _Kept:
    return _Kept(rows.indexes[rank], rows.numbers[rank], [column[rank] for column in rows.values])
