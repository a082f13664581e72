"""A slice as intake hands it to dispatch: routed, priced, its columns sealed.

In: how many messages, the first one's place among the destinations, what is to be different. Out: the slice.
"""

from __future__ import annotations

import time
from array import array
from typing import Any

from infra.security.sealing import Sealer
from schemas.records.slice import Columns, Slice
from schemas.values.positions import everyone

TENANT = "11111111-1111-4111-8111-111111111111"
DAY = 86_400_000


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def routed_slice(sealer: Sealer, size: int, first: int, **given: Any) -> Slice:
    """`given` has `chunk`, `campaign`, `lane`, `carrier`, perhaps `variables` and `refs`, and other fields of the slice."""
    columns = Columns(
        to=array("Q", [4915100000000 + first + p for p in range(size)]).tobytes(),
        variables=given.pop("variables", {}),
        refs=given.pop("refs", None),
    )
    key_id, sealed = sealer.seal(columns, tenant=TENANT, campaign=given["campaign"], chunk=given["chunk"])
    fields: dict[str, Any] = {
        "tenant": TENANT,
        "part": 0,
        "size": size,
        "send": 1,
        "positions": everyone(size),
        "version": 1,
        "sender": "ACME",
        "body": "hello",
        "accepted_at": now(),
        "due_at": now(),
        "expires_at": now() + DAY,
        "indexes": array("I", range(size)).tobytes(),
        "key_id": key_id,
        "sealed": sealed,
        "price": 700,
        "segments": bytes([1]) * size,
        "resume_at": "route",
    }
    return Slice(**fields | given)
