"""The row of a carrier: its columns from what the file says, and the partition of a new one.

In: settings, the keyring. Out: values by column; the password sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from infra.postgres.config_cache import carrier_context
from infra.security.keyring import Keyring
from infra.security.secrets import seal_secret
from infra.settings.carriers import CarrierSettings
from schemas.records.topics import DISPATCH_PARTITIONS

CARRIER_CHANGES = (
    "rate",
    "window",
    "binds",
    "receipt_wait_seconds",
    "sender_rate",
    "no_sender_rate",
    "sender_rates",
    "network_rates",
)
"""What may be changed one by one. `no_sender_rate`: senders have no bound of their own any more."""


def carrier_columns(carrier: CarrierSettings, settings: dict[str, Any], password: str, keyring: Keyring) -> dict[str, Any]:
    """What the file says of this carrier, by column. `settings`, `password`: what its kind's class says."""
    sealed_by, sealed = seal_secret(keyring, password, carrier_context(carrier.id))
    return {
        "id": carrier.id,
        "kind": carrier.kind,
        "rate": carrier.rate,
        "window": carrier.window,
        "binds": carrier.binds,
        "receipt_wait_seconds": carrier.receipt_wait_seconds,
        "one_receipt_for_all_parts": carrier.one_receipt_for_all_parts,
        "sender_rate": carrier.sender_rate,
        "sender_rates": Jsonb(carrier.sender_rates),
        "network_rates": Jsonb(carrier.network_rates),
        "settings": Jsonb(settings),
        "secret": sealed,
        "secret_key_id": sealed_by,
    }


def carrier_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """By column; what is not given stays. Of `sender_rates` and `network_rates` single ones are changed, and those that are
    None are taken away."""
    if unknown := changes.keys() - set(CARRIER_CHANGES):
        raise TypeError(f"a carrier has no {', '.join(sorted(unknown))}")
    values = dict.fromkeys(CARRIER_CHANGES) | dict(changes)
    return values | {name: Jsonb(values[name] or {}) for name in ("sender_rates", "network_rates")}


def choose_partition(number: int, taken: list[int]) -> int:
    """The partition of a new carrier: its number's, or the next one that the fewest share."""
    candidates = [(number + step) % DISPATCH_PARTITIONS for step in range(DISPATCH_PARTITIONS)]
    return min(candidates, key=taken.count)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """The row as operators read it: a whole rate is a whole number."""
    rates = {name: {key: _whole(rate) for key, rate in row[name].items()} for name in ("sender_rates", "network_rates")}
    return row | {name: _whole(row[name]) for name in ("rate", "sender_rate")} | rates


def _whole(rate: float | None) -> float | None:
    return int(rate) if rate is not None and rate == int(rate) else rate
