"""What a connection to a carrier is made of, as the carrier's row says.

In: a row, the registry of kinds. Out: a `ConnectionSpec`; connections made of it. Where two specs are equal, no other
connection is needed. Raises ValueError for a kind that is not built and for settings that can never work.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.carriers.contract import Carrier, CarrierCallbacks
from connectors.carriers.registry import Kind, Registry
from infra.postgres.config_cache import CarrierRow
from infra.settings.carriers import KindSettings
from schemas.values.lanes import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSpec:
    """`binds`: of this process alone. `window` and `binds` may be changed while a connection is bound."""

    window: int
    binds: int
    kind: Kind
    settings: KindSettings

    @property
    def in_flight(self) -> int:
        """Most messages without an answer at a time, over all its connections."""
        return self.window * self.binds

    @property
    def sends_whole(self) -> bool:
        """Whether a message goes in one call, however many segments it has."""
        return self.settings.whole

    def connect(self, callbacks: CarrierCallbacks, *, binds: int | None = None) -> Carrier:
        """A connection, not opened yet. `binds`: how many of them, None for all."""
        return self.kind.connect(self.settings, callbacks, window=self.window, binds=self.binds if binds is None else binds)

    def differs_in_size_alone(self, other: ConnectionSpec) -> bool:
        """Whether a connection made of the other spec can be resized to this one."""
        return (self.kind, self.settings) == (other.kind, other.settings)

    def shares_account(self, other: ConnectionSpec) -> bool:
        """Whether the carrier counts the connections of both together."""
        return self.kind == other.kind and self.settings.account == other.settings.account


def spec_of(row: CarrierRow, pool: Pool, registry: Registry) -> ConnectionSpec:
    """The spec of this pool's share of the carrier."""
    kind = registry.get(row.kind)
    if kind is None:
        raise ValueError(f"kind {row.kind!r} is not built")
    return ConnectionSpec(
        window=row.window,
        binds=share_of_binds(row.binds, pool),
        kind=kind,
        settings=kind.settings.from_columns(row.settings, row.password),
    )


def share_of_binds(binds: int, pool: Pool) -> int:
    """The connections that this pool's process holds; at least one."""
    return 1 if pool is Pool.OTP else max(1, binds - 1)
