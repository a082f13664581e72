"""What no text can hold, by one rule: the character U+0000, and half of a surrogate pair.

PostgreSQL keeps no U+0000, carriers end a text at it, and UTF-8 has no half pairs. So they are refused wherever a text goes
anywhere: name, sender, body, destination, reference, and the variables that the body asks for. A variable that it does
not ask for goes nowhere and is not looked at.

Enters: JSON, texts. Leaves: JSON in which every half pair is U+0000, so that one check, with its pointer, finds both;
faults with the code `bad_text`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.http.problem import Fault
from schemas.values.template import MissingVariable, Template
from schemas.values.text import TextError

CODE = "bad_text"
DETAIL = "a text cannot hold the character U+0000, nor half of a surrogate pair"
_HALF = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)
_BACKSLASH, _MARK = b"\\\\", b"\x01\x01"


def without_half_pairs(data: bytes) -> bytes | None:
    """These bytes of JSON with every half pair as U+0000, of the same length; None when there is none."""
    # Trap: an escaped backslash before "ud800" is text. The mark cannot stand in JSON by itself.
    if b"\\u" not in data or _MARK[:1] in data:
        return None
    mended, halves = _HALF.subn(rb"\\u0000", data.replace(_BACKSLASH, _MARK))
    return mended.replace(_MARK, _BACKSLASH) if halves else None


def require_text(text: str) -> None:
    """The text can be kept and carried; TextError otherwise."""
    if "\0" in text:
        raise TextError(CODE, DETAIL)


def bad_text(pointer: str) -> Fault:
    """What stands at this place cannot be."""
    return Fault(pointer=pointer, code=CODE, detail=DETAIL)


def missing_variable(name: str) -> Fault:
    """There is no value for this variable."""
    return Fault(
        pointer=f"/variables/{name}",
        code="missing_variable",
        detail=f"the body has the placeholder {name}, and no value is given",
    )


def explain(template: Template, variables: Mapping[str, str], cause: MissingVariable | TextError) -> Fault:
    """Why these variables make no message of this template: the pointer to one of them, to all, or to the body."""
    if isinstance(cause, MissingVariable):
        return missing_variable(cause.name)
    bad = next((name for name in template.names if "\0" in variables[name]), None)
    pointer = "/variables" if bad is None else f"/variables/{bad}"
    return Fault(pointer=pointer if template.names else "/body", code=cause.code, detail=cause.detail)
