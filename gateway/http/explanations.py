"""Why JSON is not the record that is expected: one fault with its pointer, in words of people.

In: what msgspec says, and the bytes where values may be repeated to the caller. Out: a `Fault` whose code programs may rely
on. Verdicts of uploads are kept, so neither values nor names that nobody knows are repeated there. Nothing raises.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.http.fields import EXPECTED, UNBUILT
from gateway.http.near_fields import mend_name
from gateway.http.problem import Fault
from schemas.values.json_words import in_words

MAX_SHOWN = 100
"""Characters of a client's own name that an explanation repeats."""
_UNKNOWN = "there is a field whose name is not known here"
_NAMELESS = Fault(pointer="", code="unknown_field", detail=f"{_UNKNOWN}; a recipient has to, variables and client_ref")
_PLACE = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_FIELD = re.compile(r"field `(.*)`", re.DOTALL)


def explain(message: str, data: bytes | None = None, kind: Any = None) -> Fault:
    """msgspec names one fault, in the form: sentence - at `$.recipients[3].to`. `data`: the JSON, if values of it may be
    repeated; `kind`: the type of all of it, for the names of its fields."""
    place = _PLACE.search(message)
    sentence = message[: place.start()] if place else message
    steps = [name or number for name, number in _STEP.findall(place[1])] if place else []
    steps, value = _look_up(data, steps)
    pointer = "".join(f"/{_escape(step)}" for step in steps)
    named = _FIELD.search(sentence)
    if named:
        return _of_field(sentence, named[1], pointer, kind, steps)
    if pointer == "/channel" and "Invalid enum value" in sentence:
        return Fault(pointer=pointer, code="unsupported", detail="this version knows the channel 'sms' alone")
    code = "wrong_type" if sentence.startswith("Expected `") and ", got `" in sentence else "out_of_range"
    detail = in_words(sentence, value)[: 2 * MAX_SHOWN]
    place_of_all = re.sub(r"/\d+$", "", pointer)
    if place_of_all in EXPECTED:
        detail = EXPECTED[place_of_all] + ("" if value is None else f", got {value}")
    return Fault(pointer=pointer, code="bad_value" if "enum" in sentence else code, detail=detail)


def explain_line(fault: Exception, *, data: bytes | None = None, kind: Any = None) -> Fault:
    """What is wrong with one line of an upload. Such faults are kept, and the name of a field that nobody knows may be
    anything, a number too; it is shown only where the `data` may be."""
    if isinstance(fault, msgspec.ValidationError):
        explained = explain(str(fault), data, kind)
        return _NAMELESS if explained.code == "unknown_field" and data is None else explained
    return Fault(pointer="", code="bad_json", detail="the line is not a JSON object in UTF-8")


def _of_field(sentence: str, field: str, pointer: str, kind: Any, steps: list[str]) -> Fault:
    if len(field) > MAX_SHOWN or not field.isprintable():
        return Fault(pointer=pointer, code="unknown_field", detail=_UNKNOWN)
    pointer = f"{pointer}/{_escape(field)}"
    if field in UNBUILT and "unknown" in sentence:
        return Fault(pointer=pointer, code="unsupported", detail=f"{field} is not supported by this version")
    if "missing required" in sentence:
        return Fault(pointer=pointer, code="missing_field", detail=in_words(sentence))
    mend = mend_name(kind, steps, field) if kind is not None else "mind its spelling"
    return Fault(pointer=pointer, code="unknown_field", detail=f"there is no field '{field}'; {mend}")


def _look_up(data: bytes | None, steps: list[str]) -> tuple[list[str], str | None]:
    """The steps, and the value they lead to as JSON, None for a long or unknown one. msgspec does not say at which name of
    an object of texts it stopped: at the first that has none."""
    known = [step for step in steps if step != "..."]
    if data is None:
        return known, None
    try:
        value: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return known, None
    walked: list[str] = []
    for step in steps:
        name = step
        if step == "..." and isinstance(value, dict):
            name = next((key for key, text in value.items() if not isinstance(text, str)), step)
        if isinstance(value, dict) and name in value and len(name) <= MAX_SHOWN:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return known, None
        walked.append(name)
    return walked, None if isinstance(value, dict | list) else _shown(value)


def _shown(value: object) -> str | None:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN else None


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
