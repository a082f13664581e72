"""The row of a carrier: its columns from what the file says, and the partition of a new one.

In: settings, the keyring. Out: values by column; the password sealed.
"""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from infra.postgres.config_cache import carrier_context
from infra.security.keyring import Keyring
from infra.security.secrets import seal_secret
from infra.settings.carriers import CarrierSettings
from schemas.records.topics import DISPATCH_PARTITIONS


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
        "settings": Jsonb(settings),
        "secret": sealed,
        "secret_key_id": sealed_by,
    }


def choose_partition(number: int, taken: list[int]) -> int:
    """The partition of a new carrier: its number's, or the next one that the fewest share."""
    candidates = [(number + step) % DISPATCH_PARTITIONS for step in range(DISPATCH_PARTITIONS)]
    return min(candidates, key=taken.count)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """The row as operators read it: a whole rate is a whole number."""
    rate = row["rate"]
    return row | {"rate": int(rate) if rate == int(rate) else rate}
