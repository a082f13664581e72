"""What is wrong with a setting, in words of people: pydantic's sentences speak of inputs and instances, and name no mend.

In: one of pydantic's errors. Out: what is expected, what was given, how to mend it. The value is repeated only of choices
and of numbers, which are never secrets. A validator's own words come back as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

MOST_SHOWN = 60


def _given(fault: Any) -> str:
    value = fault.get("input")
    text = repr(value)
    return f", got {text}" if not isinstance(value, dict | list) and len(text) <= MOST_SHOWN else ""


def _least(fault: Any) -> str:
    least = fault["ctx"]["min_length"]
    return f"expected at least {least} {_unit(fault, least)}; add some"


def _most(fault: Any) -> str:
    most = fault["ctx"]["max_length"]
    return f"expected at most {most} {_unit(fault, most)}; take some away"


def _unit(fault: Any, count: int) -> str:
    """pydantic has two names for a length, of which a secret text has that of lists."""
    return "of them" if isinstance(fault.get("input"), list) else "character" if count == 1 else "characters"


def _bound(fault: Any, words: str, name: str) -> str:
    return f"{fault.get('input')!r} should be {words} {fault['ctx'][name]}"


_TEXT = "expected text; write it between quotation marks"
_TABLE = "expected a table of settings"
_WORDS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "string_type": lambda _: _TEXT,
        "string_sub_type": lambda _: _TEXT,
        "string_too_short": _least,
        "string_too_long": _most,
        "too_short": _least,
        "too_long": _most,
        "int_type": lambda fault: f"expected a whole number{_given(fault)}",
        "int_parsing": lambda fault: f"expected a whole number{_given(fault)}; write it in digits alone",
        "int_parsing_size": lambda fault: f"the number is too large{_given(fault)}",
        "int_from_float": lambda fault: f"expected a whole number{_given(fault)}; leave the fraction out",
        "float_type": lambda fault: f"expected a number{_given(fault)}",
        "float_parsing": lambda fault: f"expected a number{_given(fault)}; write it like 10 or 0.5",
        "finite_number": lambda fault: f"expected a number with an end{_given(fault)}",
        "bool_type": lambda fault: f"expected true or false{_given(fault)}",
        "bool_parsing": lambda fault: f"expected true or false{_given(fault)}",
        "list_type": lambda _: "expected a list, written [ ... ]",
        "dict_type": lambda _: _TABLE,
        "model_type": lambda _: _TABLE,
        "model_attributes_type": lambda _: _TABLE,
        "path_type": lambda _: "expected the path of a file, between quotation marks",
        "decimal_type": lambda fault: f"expected a decimal number as text{_given(fault)}; write it like \"0.0700\"",
        "decimal_parsing": lambda fault: f"expected a decimal number{_given(fault)}; write it like \"0.0700\"",
        "decimal_max_places": lambda fault: f"expected at most {fault['ctx']['decimal_places']} decimal places",
        "literal_error": lambda fault: f"{fault.get('input')!r} should be {fault['ctx']['expected']}",
        "greater_than": lambda fault: _bound(fault, "greater than", "gt"),
        "greater_than_equal": lambda fault: _bound(fault, "greater than or equal to", "ge"),
        "less_than": lambda fault: _bound(fault, "less than", "lt"),
        "less_than_equal": lambda fault: _bound(fault, "less than or equal to", "le"),
        "missing": lambda _: "is missing; add it",
        "extra_forbidden": lambda _: "there is no such setting; mind its spelling or leave it out",
    }
)  # fmt: skip


def in_words(fault: Any) -> str:
    """One of pydantic's errors as a sentence without its place."""
    words = _WORDS.get(fault["type"])
    if words is not None:
        return words(fault)
    text = str(fault["msg"]).removeprefix("Value error, ")
    return f"{text[0].lower()}{text[1:]}"
