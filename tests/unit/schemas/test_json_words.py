"""No sentence of the decoder reaches people: each names what is expected, what was given, and how to mend it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from schemas.values.json_words import in_words


class Sample(msgspec.Struct, forbid_unknown_fields=True):
    """A field of each kind that our records have."""

    text: str = ""
    short: Annotated[str, Meta(min_length=1, max_length=3)] | None = None
    whole: Annotated[float, Meta(ge=1, le=5, multiple_of=1)] = 1
    number: int = 1
    choice: Literal["x", "y"] = "x"
    yes: bool = False
    few: Annotated[list[int], Meta(min_length=1, max_length=2)] | None = None
    values: dict[str, str] = {}
    form: Annotated[str, Meta(pattern="^a$")] = "a"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"text": 5}', "expected text, got a whole number; write it between quotation marks"),
        ('{"text": null}', "expected text, got null; leave the field out or give it a value"),
        ('{"text": {}}', "expected text, got an object"),
        ('{"short": ""}', "expected at least 1 character; add some"),
        ('{"short": "abcd"}', "expected at most 3 characters"),
        ('{"short": true}', "expected text or null, got true or false; write it between quotation marks"),
        ('{"whole": 0}', "expected 1 or more"),
        ('{"whole": 9}', "expected 5 or less"),
        ('{"whole": 1.5}', "expected a whole number"),
        ('{"whole": "2"}', "expected a number, got text; write it without quotation marks"),
        ('{"whole": 1e999}', "the number is too large"),
        ('{"number": 1.5}', "expected a whole number, got a number; write it without a fraction"),
        ('{"choice": "z"}', "'z' is none of the values that this field takes"),
        ('{"yes": "true"}', "expected true or false, got text; write it without quotation marks"),
        ('{"few": {}}', "expected a list or null, got an object; put it between [ and ]"),
        ('{"few": []}', "expected at least 1 entry; add some"),
        ('{"few": [1, 2, 3]}', "expected at most 2 entries"),
        ('{"values": []}', "expected an object, got a list; put it between { and }"),
        ('{"form": "b"}', "expected text of the form ^a$"),
        ('{"other": 1}', "there is no field 'other'; mind its spelling"),
        ("[]", "expected an object, got a list; put it between { and }"),
        ('{"text": ', "it ends too early; is a bracket or a quotation mark not closed?"),
        ('{"text" "a"}', "expected ':', at byte 8"),
        ("nothing", "a wrong character at byte 4"),
        ("{} {}", "it ends before byte 4"),
    ],
)
def test_each_sentence_has_words(data: str, words: str) -> None:
    with pytest.raises(msgspec.DecodeError) as fault:
        msgspec.json.decode(data, type=Sample)
    assert in_words(str(fault.value).partition(" - at ")[0]) == words


def test_what_was_given_is_named_where_it_may_be() -> None:
    assert in_words("Expected `str`, got `int`", "5") == "expected text, got 5; write it between quotation marks"
    assert in_words("Expected `str`, got `int`", "5" * 99) == in_words("Expected `str`, got `int`")
