"""The other side of a carrier connection, as the contract suite scripts it, whatever the protocol.

In: `Manners`. Out: connections of the kind to it, and what it has seen. A number called `..._every` means each Nth submit,
counted from 1; 0 = never. A kind that cannot have a case says so, with the reason, in `cannot`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, NamedTuple, Protocol

from connectors.carriers.contract import Carrier, CarrierCallbacks, FailureClass
from infra.settings.carriers import KindSettings


class Case(Enum):
    """What not every kind of carrier can have."""

    SEGMENTS = "segments of a message go one by one"
    CONNECTIONS = "connections are kept, counted, and taken leave of"
    LATE_ANSWERS = "an answer may still come after nobody waited for it any more"
    ID_FORMS = "an id is written otherwise in the receipt"
    LONG_ADDRESS = "an address may be too long for the protocol"


@dataclass(frozen=True, kw_only=True)
class Manners:
    """Defaults: it takes everything at once and delivers it."""

    refuses_account: bool = False
    answer_delay_seconds: float = 0.0
    silent_every: int = 0  # taken, its receipt comes; the answer stays out
    throttle_every: int = 0
    refuse_every: int = 0  # for good
    refuse: Mapping[str, FailureClass] = field(default_factory=dict)  # by the destination's end
    cut_after: int = 0  # submits of one connection; the last is neither taken nor answered
    states: Mapping[str, int] = field(default_factory=dict)  # DELIVRD unless one of these is due: state -> every
    receipt_early_every: int = 0  # before the answer
    receipt_late_every: int = 0
    receipt_twice_every: int = 0
    receipt_never_every: int = 0
    receipt_unknown_every: int = 0  # one more, of an id that was never given
    id_form: str = "dec"


UNREADABLE = "HALFWAY"
"""A state that no table lists."""


class Seen(NamedTuple):
    """A submit. `id`: what it was given, '' when it was not taken; `reference` and `total` of its segments."""

    destination: str
    id: str
    reference: int = 0
    total: int = 1
    sequence: int = 1


class Peer(Protocol):
    """Started once, stopped once."""

    kind: ClassVar[str]
    cannot: ClassVar[Mapping[Case, str]]
    codes: ClassVar[Mapping[FailureClass, str]]

    async def start(self, manners: Manners) -> None: ...

    async def stop(self) -> None: ...

    def behave(self, manners: Manners) -> None:
        """From now on."""
        ...

    def settings(self, patience: float) -> KindSettings:
        """How to reach it; an answer is awaited for so many seconds."""
        ...

    def connect(self, settings: KindSettings, callbacks: CarrierCallbacks, *, window: int, binds: int) -> Carrier:
        """As the registry does, with less of a pause before it is tried again."""
        ...

    def seen(self) -> list[Seen]:
        """Every submit, in order."""
        ...

    def cut(self) -> None:
        """All connections end at once."""
        ...

    @property
    def connections(self) -> int:
        """That stand now."""
        ...

    @property
    def accepted_connections(self) -> int:
        """Since the start."""
        ...

    @property
    def refused_connections(self) -> int: ...

    @property
    def most_unanswered(self) -> int:
        """Submits without an answer at a time, at most, on one connection; over all when it has none to count."""
        ...

    @property
    def confirmed(self) -> int:
        """Receipts."""
        ...
