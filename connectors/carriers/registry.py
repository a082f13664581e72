"""The kinds of carriers there are: for each what it is told, and what makes a connection of it.

In: nothing. Out: `REGISTRY`, by kind. Dispatch imports no kind but this table; a test passes in a table of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from connectors.carriers.contract import Carrier, CarrierCallbacks
from connectors.carriers.smpp.carrier import SmppCarrier
from infra.settings.carriers import KindSettings, SmppSettings


class Factory(Protocol):
    """A connection of these settings, not opened; `window` messages in flight on each of `binds` connections. Raises
    ValueError for what can never work."""

    def __call__(self, settings: Any, callbacks: CarrierCallbacks, /, *, window: int, binds: int) -> Carrier: ...


class Kind(NamedTuple):
    """`settings` as in `infra.settings.carriers.KIND_SETTINGS`."""

    settings: type[KindSettings]
    connect: Factory


Registry = Mapping[str, Kind]

REGISTRY: Registry = MappingProxyType(
    {
        "smpp": Kind(SmppSettings, SmppCarrier),
        "simulator": Kind(SmppSettings, SmppCarrier),
    }
)
