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
_TEXT = re.compile(r"(?<![\w-])text\s*:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[ _-]+")
_KEYS = {"err": "code", "error": "code", "errcode": "code", "errorcode": "code", "donedate": "done"}


class Fields(NamedTuple):
    """As they stand there; '' where nothing does."""

    id: str = ""
    state: str = ""
    code: str = ""
    done: str = ""
    done_text: str = ""  # all that stands there up to the next field, for a time that nobody can read

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
    matches = list(_FIELD.finditer(text))
    for n, match in enumerate(matches):
        key, value = _key(match[1]), match[2].strip("\"'").strip()
        if value and (last or key not in found):
            found[key] = value
            if key == "done":
                end = matches[n + 1].start() if n + 1 < len(matches) else len(text)
                found["done_text"] = text[match.start(2) : end].strip("\"',;| \r\n\0")
    return Fields(**{name: found.get(name, "") for name in Fields._fields})


def _key(name: str) -> str:
    bare = _SEPARATORS.sub("", name.lower())
    if bare.endswith("id"):
        return "id"
    return "state" if bare.endswith(("stat", "state", "status")) else _KEYS.get(bare, bare)
