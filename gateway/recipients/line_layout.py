"""How the lines of an upload are written, as most programs write them: all alike, but for the texts.

In: a line; then lines. Out: the layout of the first, if it has one that can be relied on; by it the recipients of all the
others as columns, or None when one of them is written differently or is no recipient: whoever reads lines one by one then
says what it is. What stands where is not guessed: the line is decoded with a mark in place of each text, so other lines of
its layout decode to their texts in the places of these marks.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from gateway.http.fields import MAX_REF
from gateway.recipients.uniform_lines import columns_of
from gateway.screening.types import Recipient, RecipientColumns

MOST_TEXTS = 50
_STRING = re.compile(rb'"([^"\\\x00-\x1f]*+)"(\s*:)?')
"""A key, if it has a second group, or a text."""
_DECODER = msgspec.json.Decoder(Recipient)


class Layout(NamedTuple):
    """`pieces`: what all lines have in common; of the gaps between them one is the number, the others are the reference, if
    there is one, and variables by name."""

    pieces: tuple[bytes, ...]
    to: int
    ref: int | None
    variables: dict[str, int]

    def read(self, lines: bytes) -> RecipientColumns | None:
        """The recipients in these lines, which have no newline at their end."""
        columns = columns_of(lines, self.pieces)
        if columns is None:
            return None
        refs = None if self.ref is None else columns[self.ref]
        if refs is not None and not (all(refs) and max(map(len, refs)) <= MAX_REF):
            return None
        return RecipientColumns(columns[self.to], {name: columns[gap] for name, gap in self.variables.items()}, refs)


def layout_of(line: bytes) -> Layout | None:
    """The layout of this line."""
    spans = [found.span(1) for found in _STRING.finditer(line) if not found[2]] if b"\\" not in line else []
    if not 1 <= len(spans) <= MOST_TEXTS:
        return None
    edges = [0, *(edge for span in spans for edge in span), len(line)]
    pieces = tuple(line[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True))
    marked = b"".join([b"%b%d" % (piece, gap) for gap, piece in enumerate(pieces[:-1])]) + pieces[-1]
    try:
        meant = _DECODER.decode(marked)
        to, ref = int(meant.to), None if meant.client_ref is None else int(meant.client_ref)
        variables = {name: int(mark) for name, mark in meant.variables.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    # Each text has its place, once: of two under the same key one would be lost, and nobody would have looked at it.
    if sorted([to, *([] if ref is None else [ref]), *variables.values()]) != list(range(len(spans))):
        return None
    return Layout(pieces, to, ref, variables)
