"""A recipient as campaigns and uploads bring it, and the verdict on one that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Annotated, overload

import msgspec
from msgspec import Meta

from gateway.http.fields import MAX_REF, NUMBER
from gateway.http.problem import Fault

LEAST_SHOWN = 8
"""Characters of a value of which the first and the last are shown."""


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One recipient of a campaign; one line of an upload. What is wrong with it is a verdict, not a refusal of the whole."""

    to: Annotated[str, Meta(description=NUMBER["description"], examples=NUMBER["examples"])]
    variables: dict[str, str] = {}
    client_ref: Annotated[str, Meta(min_length=1, max_length=MAX_REF)] | None = None


class RecipientColumns(Sequence[Recipient]):
    """Recipients that have the same variables, and references all or none, as columns: where all are asked the same,
    nobody needs a record for each."""

    __slots__ = ("refs", "to", "variables")

    def __init__(self, to: list[str], variables: dict[str, list[str]], refs: list[str] | None) -> None:
        self.to = to
        self.variables = variables
        self.refs = refs

    def __len__(self) -> int:
        return len(self.to)

    @overload
    def __getitem__(self, place: int) -> Recipient: ...
    @overload
    def __getitem__(self, place: slice) -> RecipientColumns: ...
    def __getitem__(self, place: int | slice) -> Recipient | RecipientColumns:
        refs = self.refs
        if isinstance(place, slice):
            variables = {name: column[place] for name, column in self.variables.items()}
            return RecipientColumns(self.to[place], variables, refs and refs[place])
        own = {name: column[place] for name, column in self.variables.items()}
        return Recipient(to=self.to[place], variables=own, client_ref=refs[place] if refs else None)


def destinations(recipients: Sequence[Recipient]) -> list[str]:
    """Their numbers, as they were written."""
    return recipients.to if isinstance(recipients, RecipientColumns) else [one.to for one in recipients]


def client_refs(recipients: Sequence[Recipient]) -> list[str | None]:
    """Their references."""
    if isinstance(recipients, RecipientColumns):
        return [*recipients.refs] if recipients.refs else [None] * len(recipients)
    return [one.client_ref for one in recipients]


def variable_columns(recipients: Sequence[Recipient], names: Sequence[str]) -> list[list[str]]:
    """The values of these variables, a column each. Raises KeyError where one is missing."""
    if isinstance(recipients, RecipientColumns):
        return [recipients.variables[name] for name in names]
    variables = [one.variables for one in recipients]
    return [list(map(itemgetter(name), variables)) for name in names]


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient that did not become a message; `index` counts recipients or lines from 0, `row` from 1, as people do. A
    header and blank lines are no rows. `value`: what stood there, masked where the verdict is kept. `also`: what else is
    wrong with this recipient."""

    index: int
    row: int = 0
    pointer: str
    code: str
    detail: str
    value: str | None = None
    also: list[Fault] = []

    def __post_init__(self) -> None:
        """The row follows from the index, also for verdicts that are read back."""
        msgspec.structs.force_setattr(self, "row", self.index + 1)


def value_at(recipient: Recipient, pointer: str) -> str | None:
    """What stands at this place of a recipient."""
    match pointer.split("/")[1:]:
        case ["to"]:
            return recipient.to
        case ["client_ref"]:
            return recipient.client_ref
        case ["variables", name]:
            return recipient.variables.get(name)
    return None


def masked(value: str) -> str:
    """Enough to find it again beside its file, and no more: verdicts are kept in the open, numbers of people are not.

    >>> masked("+49 151 2345")
    '+49*******45'
    """
    return value[:3] + "*" * (len(value) - 5) + value[-2:] if len(value) >= LEAST_SHOWN else "*" * len(value)
