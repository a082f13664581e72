"""What is wrong with JSON, in words of people: msgspec's sentences name Python's types and no mend.

In: the sentence of a `ValidationError` (without its place) or of a `DecodeError`, and the value where it may be shown. Out:
what is expected, what was given, how to mend it. A sentence that is not known here comes back as it is, without its back
quotes. Nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

MOST_SHOWN = 60
"""Characters of a value that are repeated."""
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "str": "text",
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "object": "an object",
        "array": "a list",
        "null": "null",
    }
)
_QUOTE, _BARE, _LEAVE = (
    "write it between quotation marks",
    "write it without quotation marks",
    "leave the field out or give it a value",
)
_MENDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        **{("str", given): _QUOTE for given in ("int", "float", "bool")},
        **{(wanted, "str"): _BARE for wanted in ("int", "float", "bool")},
        **{(wanted, "null"): _LEAVE for wanted in ("str", "int", "float", "bool", "object", "array")},
        ("int", "float"): "write it without a fraction",
    }
)
"""What to do, by what is expected and what was given."""
_BRACKETS: Mapping[str, str] = MappingProxyType({"array": "put it between [ and ]", "object": "put it between { and }"})
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]], ...] = (
    (re.compile(r"Expected `([^`]+)`, got `([^`]+)`"), lambda m, got: _wrong_kind(m[1], m[2], got)),
    (re.compile(r"Expected `str` of length >= (\d+)"), lambda m, got: _too_short(int(m[1]), "character", got)),
    (re.compile(r"Expected `str` of length <= (\d+)"), lambda m, got: f"expected at most {m[1]} characters{got}"),
    (re.compile(r"Expected `(?:array|object)` of length >= (\d+)"), lambda m, got: _too_short(int(m[1]), "entry", got)),
    (re.compile(r"Expected `(?:array|object)` of length <= (\d+)"), lambda m, got: f"expected at most {m[1]} entries"),
    (re.compile(r"Expected `(?:int|float)` that's a multiple of 1(?:\.0)?"), lambda _, got: f"expected a whole number{got}"),
    (re.compile(r"Expected `(?:int|float)` >= (\S+)"), lambda m, got: f"expected {_number(m[1])} or more{got}"),
    (re.compile(r"Expected `(?:int|float)` <= (\S+)"), lambda m, got: f"expected {_number(m[1])} or less{got}"),
    (re.compile(r"Expected `str` matching regex '(.*)'"), lambda m, got: f"expected text of the form {m[1]}{got}"),
    (re.compile(r"Invalid enum value (.*)"), lambda m, _: f"{m[1]} is none of the values that this field takes"),
    (re.compile(r"Number out of range"), lambda _, got: f"the number is too large{got}"),
    (re.compile(r"Object missing required field `(.*)`"), lambda m, _: f"the field '{m[1]}' is missing; add it"),
    (re.compile(r"Object contains unknown field `(.*)`"), lambda m, _: f"there is no field '{m[1]}'; mind its spelling"),
    (re.compile(r"Input data was truncated"), lambda *_: "it ends too early; is a bracket or a quotation mark not closed?"),
    (re.compile(r"JSON is malformed: trailing characters \(byte (\d+)\)"), lambda m, _: f"it ends before byte {m[1]}"),
    (re.compile(r"JSON is malformed: invalid character \(byte (\d+)\)"), lambda m, _: f"a wrong character at byte {m[1]}"),
    (re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)"), lambda m, _: f"{m[1]}, at byte {m[2]}"),
)  # fmt: skip


def in_words(sentence: str, value: str | None = None) -> str:
    """The sentence for people. `value`: JSON text of what was given, None where it is not to be repeated.

    >>> in_words("Expected `str`, got `int`", "5")
    'expected text, got 5; write it between quotation marks'
    """
    got = "" if value is None or len(value) > MOST_SHOWN else f", got {value}"
    for pattern, words in _FORMS:
        found = pattern.fullmatch(sentence)
        if found is not None:
            return words(found, got)
    return sentence.replace("`", "'")


def _wrong_kind(wanted: str, given: str, got: str) -> str:
    kinds = wanted.split(" | ")
    expected = " or ".join(_KINDS.get(kind, kind) for kind in kinds)
    mend = _MENDS.get((kinds[0], given)) or _BRACKETS.get(kinds[0])
    return f"expected {expected}{got or f', got {_KINDS.get(given, given)}'}{f'; {mend}' if mend else ''}"


def _too_short(least: int, unit: str, got: str) -> str:
    return f"expected at least {least} {unit if least == 1 else {'entry': 'entries'}.get(unit, f'{unit}s')}{got}; add some"


def _number(text: str) -> str:
    return text.removesuffix(".0")
