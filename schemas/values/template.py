"""Templates: a text with placeholders, rendered once per recipient.

Enters: a body in which `{{name}}`, spaces inside allowed, stands for a variable; names are [A-Za-z_][A-Za-z0-9_]*, and
everything else, stray braces too, is literal. Leaves: the text with the values in place. Values are taken as they are:
braces in a value are text, never a placeholder. Wrong: MissingVariable when a value is not given; values that are not
needed are ignored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any

TEXT_NAME = "text"
TEXT_BODY = "{{text}}"
"""The body of every single message: its text is the value of one variable, so that it is sealed as variables are."""

CACHED_TEMPLATES = 512
"""A campaign has one body; this many are in use at a time before the oldest is compiled anew."""

_PLACEHOLDER = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")


class MissingVariable(LookupError):
    """The body has a placeholder, `name`, for which there is no value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no value for the variable {name}")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A compiled body: `literals` is one longer than `names`, and they take turns, a literal first."""

    literals: tuple[str, ...]
    names: tuple[str, ...]
    _form: str = field(init=False, repr=False, compare=False)
    _values: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare one interpolation, which does the whole rendering in a single call."""
        form = "%s".join(literal.replace("%", "%%") for literal in self.literals)
        object.__setattr__(self, "_form", form)
        object.__setattr__(self, "_values", itemgetter(*self.names) if self.names else None)

    def render(self, variables: Mapping[str, str]) -> str:
        """The text for one recipient."""
        if self._values is None:
            return self.literals[0]
        try:
            return self._form % self._values(variables)  # type: ignore[no-any-return]
        except KeyError:
            raise MissingVariable(next(name for name in self.names if name not in variables)) from None

    def fill(self, values: Sequence[str | None]) -> str:
        """The text for one recipient whose values stand in the order of `names`; None = not given."""
        if None in values:
            raise MissingVariable(self.names[values.index(None)])
        return self._form % tuple(values)


@lru_cache(maxsize=CACHED_TEMPLATES)
def compile_template(body: str) -> Template:
    """The template of this body; cheap to ask for again."""
    pieces = _PLACEHOLDER.split(body)
    return Template(literals=tuple(pieces[::2]), names=tuple(pieces[1::2]))
