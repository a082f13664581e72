"""Text that a peer wrote (a carrier's code or id, a client's field name), made fit for everything that keeps it: Avro, JSON,
PostgreSQL's text and jsonb, its indexes, and columns of texts joined by newlines.

In: any text, or a column of texts. Out: the same without control characters (U+0000 is what jsonb and text refuse, a newline
what columns cannot hold) and halves of surrogate pairs; at most so many characters. What is fit already comes back as it is.
Nothing can go wrong here. `clean` is for where a peer's text enters: what does not fit goes, `021` and a NUL is `021`. `fit`
is what streams and sinks call again behind the carriers' connections: what slipped through there takes nothing else along,
and becomes U+FFFD so that it shows.
"""

from __future__ import annotations

import re

MOST_ID = 128
"""Characters of one message id as a carrier writes it; SMPP allows 64. What is longer is cut, in receipts as in answers."""
MOST_STATE = 32
CODE_LENGTH = 64
"""Characters of a carrier's error code. SMPP's are three digits or `0x` and eight."""
ID_LENGTH = 800
"""Characters of a carrier's message id, all of its forms together: SMPP allows 64 for one, an index of PostgreSQL 2,700
bytes for all of a key."""
IDS_LENGTH = 256 * (ID_LENGTH + 1)
"""Characters of the ids of all segments of a message."""
EARLIEST_MS = -62_135_596_800_000
LATEST_MS = 253_402_300_799_999
"""The beginning of the year 1 and the end of the year 9999, in milliseconds: other times nobody can write."""

_UNFIT = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")
_UNCLEAN = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
_CONTROLS = bytes([*range(0x0A), *range(0x0B, 0x20), 0x7F])
_MARK = "\N{REPLACEMENT CHARACTER}"


def clean(text: str, most: int) -> str:
    """A peer's text as it enters: without what does not fit and blanks around it.

    >>> clean("021\0", 64)
    '021'
    """
    if text.isalnum() and len(text) <= most:  # most of them; no surrogate or control character is a letter or a digit
        return text
    return _UNCLEAN.sub("", text).strip()[:most].rstrip()


def fit(text: str, most: int) -> str:
    """This text as it can be kept.

    >>> fit("021\\0", 64)
    '021\\ufffd'
    """
    return _UNFIT.sub(_MARK, text[:most])


def join_column(texts: list[str], most: int) -> str:
    """These texts joined by newlines, each fit; what stands in one of them makes no two of it."""
    column = "\n".join(texts)
    if column.count("\n") < max(1, len(texts)) and _is_plain(column) and _is_short(column, most):
        return column
    return "\n".join([fit(text, most) for text in texts])


def fit_column(column: str, most: int) -> str:
    """Texts joined by newlines, each fit; the column itself when nothing is wrong with any."""
    if _is_plain(column) and _is_short(column, most):
        return column
    kept = "\n".join([fit(text, most) for text in column.split("\n")])
    return column if kept == column else kept


def _is_plain(column: str) -> bool:
    """Whether it is ASCII without control characters but newlines: ten times as fast as to search for the others."""
    return column.isascii() and len(column.encode().translate(None, _CONTROLS)) == len(column)


def _is_short(column: str, most: int) -> bool:
    """Whether no text of the column is longer; in steps of about so many characters, not text by text."""
    start = 0
    while len(column) - start > most:
        start = column.rfind("\n", start, start + most + 1) + 1
        if start == 0:
            return False
    return True
