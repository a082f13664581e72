"""A recipient as campaigns and uploads bring it, and the verdict on one that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Annotated, overload

import msgspec
from msgspec import Meta

from gateway.http.fields import MAX_REF, NUMBER


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
    """A recipient that did not become a message; `index` counts recipients or lines from 0."""

    index: int
    pointer: str
    code: str
    detail: str
