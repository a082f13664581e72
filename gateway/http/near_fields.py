"""Which fields a record takes at a place in it, and which of them was meant by another name.

In: the type of a whole body, the steps to an object in it, a name that is no field there. Out: a sentence's end. Nothing
raises: of a place that the type does not know nothing is said.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import inspect

_MIND = "mind its spelling"


def mend_name(kind: Any, steps: Sequence[str], name: str) -> str:
    """What to do about this name.

    >>> mend_name(int, [], "x")
    'mind its spelling'
    """
    known = fields_at(kind, steps)
    by_form = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), by_form, 1)
    if close:
        return f"did you mean '{by_form[close[0]]}'?"
    return f"there are {', '.join(known)}" if known else _MIND


def fields_at(kind: Any, steps: Sequence[str]) -> list[str]:
    """The names of the fields of the object that these steps lead to."""
    places: list[inspect.Type] = [inspect.type_info(kind)]
    for step in steps:
        places = [inner for place in places for inner in _within(place, step)]
    return [field.encode_name for place in places for one in _plain(place) if _has_fields(one) for field in one.fields]


def _within(place: inspect.Type, step: str) -> Iterator[inspect.Type]:
    for one in _plain(place):
        if isinstance(one, inspect.ListType):
            yield one.item_type
        elif _has_fields(one):
            yield from (field.type for field in one.fields if field.encode_name == step)


def _plain(place: inspect.Type) -> Iterator[Any]:
    """The kinds that may stand there."""
    if isinstance(place, inspect.UnionType):
        for one in place.types:
            yield from _plain(one)
    elif isinstance(place, inspect.Metadata):
        yield from _plain(place.type)
    else:
        yield place


def _has_fields(kind: Any) -> bool:
    return isinstance(kind, inspect.StructType)
