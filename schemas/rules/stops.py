"""Emergency stops: what an operator has brought to a halt, whole or by tenant, sender or carrier.

In: the stops in force. Out: whether they cover a message. Looked at where messages come in, at intake, right before a start
and in the waiting room, so that nothing of what is stopped goes out, whatever was let go before. Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class StopKind(StrEnum):
    """What a stop speaks of; the name of `all` is empty."""

    ALL = "all"
    TENANT = "tenant"
    SENDER = "sender"
    CARRIER = "carrier"


class Stop(NamedTuple):
    """One stop. `name`: a tenant's id, a sender as messages have it, a carrier's id."""

    kind: str
    name: str


NO_STOPS: frozenset[Stop] = frozenset()
_ALL = Stop(StopKind.ALL, "")


def is_stopped(stops: frozenset[Stop], tenant: str, sender: str, carrier: str | None = None) -> bool:
    """Whether any stop covers messages of this tenant and sender, or those that would go to this carrier."""
    return bool(stops) and (
        _ALL in stops
        or Stop(StopKind.TENANT, tenant) in stops
        or Stop(StopKind.SENDER, sender) in stops
        or (carrier is not None and Stop(StopKind.CARRIER, carrier) in stops)
    )
