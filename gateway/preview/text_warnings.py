"""What a sender would want to hear before sending, though nothing is wrong by any rule.

Enters: a body, the recipients' variables as they come, what a preview found. Leaves: warnings, each with a stable code:
  odd_placeholder      looks like a placeholder and is none, so it goes out as it is written
  unknown_variable     a placeholder for which no recipient has a value
  forces_ucs2          one character for which the whole text is sent in the dearer alphabet
  many_segments        a text of ten segments or more
  max_price_exceeded   the campaign would be refused for its own limit
Nothing raises.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.preview.samples import OddValue, outside_gsm7
from gateway.preview.types import PreviewWarning
from gateway.screening.types import RecipientColumns
from schemas.values.money import format_amount
from schemas.values.template import compile_template
from schemas.values.text import PART, SINGLE, characters_outside_gsm7, smart

MANY_SEGMENTS = 10
"""Of one text: most phones put no more together, and each is paid for."""
MOST_ALIKE = 10
"""Warnings of one code; the rest of the same kind is mended with them."""
FEW_CHARACTERS = 3
"""A text with more different characters outside GSM-7 is written in another script, and nobody is to be told so."""
MOST_NAMES = 100
_INNER = r"[^\W\d][\w .'-]{0,39}?"
_LOOKS_LIKE_ONE = re.compile(
    r"(?P<good>\{\{ *[A-Za-z_][A-Za-z0-9_]* *\}\})"
    rf"|\$?\{{{{1,2}} *(?P<braces>{_INNER})\s*\}}{{1,2}}"
    rf"|\[\[ *(?P<square>{_INNER})\s*\]\]"
    rf"|<< *(?P<angle>{_INNER})\s*>>"
    r"|%\((?P<python>[A-Za-z_]\w{0,39})\)s"
    r"|%(?P<percent>[A-Za-z_][\w-]{0,39})%"
)


class VariableNames:
    """Which variables the recipients have."""

    def __init__(self, body: str) -> None:
        self.missing = list(dict.fromkeys(compile_template(body).names))
        self.known: tuple[str, ...] = ()

    def see(self, entries: Sequence[Any]) -> None:
        """Look at some of them; entries that are no recipients have none."""
        if isinstance(entries, RecipientColumns):
            variables: list[Any] = [entries.variables] if len(entries) else []
        else:
            variables = [one.variables for one in entries if hasattr(one, "variables")]
        if variables and not self.known:
            self.known = tuple(variables[0])[:MOST_NAMES]
        if variables and self.missing:
            self.missing = [name for name in self.missing if not any(name in own for own in variables)]


def warn(
    *,
    body: str,
    smart_encoding: bool,
    names: VariableNames,
    odd: OddValue | None,
    segments: int,
    price: int,
    max_price: int | None,
) -> list[PreviewWarning]:
    """Everything there is to say. `segments`: of the longest text; `odd`: a value that makes a text UCS-2."""
    return [
        *_odd_placeholders(body, names.known),
        *(_unknown_variable(name, names.known) for name in names.missing[:MOST_ALIKE] if names.known),
        *_dear_characters(body, smart_encoding, odd),
        *_many_segments(segments),
        *_too_dear(price, max_price),
    ]


def _odd_placeholders(body: str, known: Sequence[str]) -> Iterator[PreviewWarning]:
    seen: set[str] = set()
    for found in _LOOKS_LIKE_ONE.finditer(body):
        if found["good"] or found[0] in seen:
            continue
        seen.add(found[0])
        if len(seen) > MOST_ALIKE:
            return
        inner = str(found[found.lastgroup or 0])
        name = _meant(inner, known) or _as_name(inner)
        mend = f"; did you mean {{{{{name}}}}}?" if name in known else f"; a placeholder is written {{{{{name or 'name'}}}}}"
        yield PreviewWarning(
            code="odd_placeholder",
            detail=f"{found[0]} at position {found.start() + 1} of the body goes out as it is written{mend}",
        )


def _unknown_variable(name: str, known: Sequence[str]) -> PreviewWarning:
    close = _meant(name, known)
    mend = f"did you mean {{{{{close}}}}}?" if close else f"they have {', '.join(known[:MOST_ALIKE])}"
    return PreviewWarning(code="unknown_variable", detail=f"no recipient has a value for {{{{{name}}}}}; {mend}")


def _meant(written: str, known: Sequence[str]) -> str | None:
    by_form = {_plain(name): name for name in known}
    close = difflib.get_close_matches(_plain(written), by_form, 1)
    return by_form[close[0]] if close else None


def _as_name(written: str) -> str:
    """The nearest name that a placeholder can have; empty where nothing is left of it."""
    ascii_ = unicodedata.normalize("NFKD", written).encode("ascii", "ignore").decode()
    return re.sub(r"\W+", "_", ascii_).strip("_")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _dear_characters(body: str, smart_encoding: bool, odd: OddValue | None) -> Iterator[PreviewWarning]:
    outside = outside_gsm7(body, smart_encoding)
    if 0 < len(outside) <= FEW_CHARACTERS:
        for character in sorted(outside, key=body.index):
            times = body.count(character)
            where = f"at position {body.index(character) + 1} of the body" + (f", {times} in all," if times > 1 else "")
            yield _dear(character, where, "every text", smart_encoding)
    if odd is not None:
        where = f"at position {odd.position} of the value of {odd.name} in row {odd.place + 1}"
        yield _dear(odd.character, where, "its text", smart_encoding)


def _dear(character: str, where: str, what: str, smart_encoding: bool) -> PreviewWarning:
    shown = character if character.isprintable() else ""
    named = " ".join(part for part in (shown, unicodedata.name(character, ""), f"(U+{ord(character):04X})") if part)
    helps = not smart_encoding and not characters_outside_gsm7(smart(character))
    mend = "; smart_encoding puts a look-alike in its place" if helps else ""
    return PreviewWarning(
        code="forces_ucs2",
        detail=f"{named} {where} is not in GSM-7, so {what} is sent as UCS-2, where a segment has {SINGLE['ucs2'] // 2} "
        f"characters (of several {PART['ucs2'] // 2}) instead of {SINGLE['gsm7']} ({PART['gsm7']}){mend}",
    )


def _many_segments(segments: int) -> Iterator[PreviewWarning]:
    if segments >= MANY_SEGMENTS:
        yield PreviewWarning(
            code="many_segments",
            detail=f"the longest text has {segments} segments, and each is paid for as one message",
        )


def _too_dear(price: int, limit: int | None) -> Iterator[PreviewWarning]:
    if limit is not None and price > limit:
        yield PreviewWarning(
            code="max_price_exceeded",
            detail=f"the campaign would cost {format_amount(price)} and be refused: its max_price is {format_amount(limit)}",
        )
