"""The text of a delivery receipt, field by field.

In: octets and the data coding they came with. Out: `Fields`. Any order and case, fields missing, quotes, commas or
semicolons between, `=` for `:`, blanks around it, names with blank, `_` or `-`; `state`, `status`, `msg_id`, `error code`.
What stands behind `text:` is the sender's own and counts only where id or state stand nowhere before it; then the last of
a name wins, for the sender's words come first. Nothing raises.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = (
    r"(?:receipted[ _-]?)?(?:(?:message|msg)[ _-]?)?(?:id|stat(?:us|e)?)|err(?:or)?(?:[ _-]?code)?"
    r"|(?:done|submit)[ _-]*date|sub|dlvrd|text"
)
_NEXT = rf"(?:{_NAME})\s*[:=]"
_DATE = r"\d{2,4}[-/.]\d\d[-/.]\d\d[ T]\d\d:\d\d(?::\d\d)?"
# A value may hold commas; it ends at one that a blank, the end or another field follows.
_VALUE = rf"\"[^\"]*\"|'[^']*'|{_DATE}|(?!{_NEXT})(?:(?![,;|](?:\s|$|{_NEXT}))[^\s\"'])*"
_FIELD = re.compile(rf"(?<![\w-])({_NAME})\s*[:=]\s*({_VALUE})", re.IGNORECASE)
# Trap: behind the date may stand the sender's own words, without `text:`; only what dates are made of belongs to it.
_DATE_WORDS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}|am|pm|utc|gmt"
_WRITTEN_DATE = re.compile(
    rf"(?:(?:\d{{1,4}}(?:st|nd|rd|th)?|\d+(?:[:./+-]\d+)+|{_DATE_WORDS})(?![\w:./+-])[ ,]{{0,2}})++", re.IGNORECASE
)
_TEXT = re.compile(r"(?<![\w-])text\s*:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[ _-]+")
_KEYS = {"err": "code", "error": "code", "errcode": "code", "errorcode": "code", "donedate": "done"}


class Fields(NamedTuple):
    """As they stand there; '' where nothing does."""

    id: str = ""
    state: str = ""
    code: str = ""
    done: str = ""
    done_text: str = ""  # the same with its blanks, for a date that nobody can read: 4 Mar 2026 17:30

    def filled(self, other: Fields) -> Fields:
        """With what `other` has and this has not."""
        return Fields(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


def read_fields(text: str) -> Fields:
    """The fields of a receipt's text."""
    cut = _TEXT.search(text)
    front = _fields(text[: cut.start()] if cut else text)
    if cut is None or (front.id and front.state):
        return front
    return front.filled(_fields(text[cut.end() :], last=True))


def decode_text(raw: bytes, data_coding: int) -> str:
    """The text of these octets. Carriers say UCS-2 of ASCII, and the other way round: what the octets are like decides, the
    data coding only where they do not."""
    head = raw[:8]
    if raw[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return raw.decode("utf-16", "replace")
    if len(head) > 1 and not any(head[::2]) and any(head):
        return raw.decode("utf-16-be", "replace")
    if len(head) > 1 and not any(head[1::2]) and any(head):
        return raw.decode("utf-16-le", "replace")
    if data_coding == 8 and not head.isascii():
        return raw.decode("utf-16-be", "replace")
    return raw.decode("latin-1")


def _fields(text: str, *, last: bool = False) -> Fields:
    found: dict[str, str] = {}
    for match in _FIELD.finditer(text):
        key, value = _key(match[1]), match[2].strip("\"'").strip()
        if value and (last or key not in found):
            found[key] = value
            if key == "done":
                date = _WRITTEN_DATE.match(text, match.start(2))
                found["done_text"] = max(value, date[0].strip(" ,") if date else "", key=len)
    return Fields(**{name: found.get(name, "") for name in Fields._fields})


def _key(name: str) -> str:
    bare = _SEPARATORS.sub("", name.lower())
    if bare.endswith("id"):
        return "id"
    return "state" if bare.endswith(("stat", "state", "status")) else _KEYS.get(bare, bare)
