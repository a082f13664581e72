"""What this process answered within the last minute: idempotency keys, each with the digest of its request.

Enters: tenant, key and digest of a request that was done, or of which nobody knows whether it was. Leaves: that digest, for
one to two minutes, less when more than 100,000 keys come in that time. It stands in where Redis has forgotten and the sinks
have not yet written the row by which PostgreSQL would know. Left open: another gateway asked in those moments, a gateway
started again in them, and sinks that are further behind than this remembers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b

KEPT_SECONDS = 60.0
MAX_KEYS = 100_000


class AnsweredKeys:
    """Two generations; the older one is dropped when the younger is a minute old or half of all there may be."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._turned_at = clock()

    def keep(self, tenant: str, key: str, digest: bytes) -> None:
        """Remember the request that this key stands for; the first one counts."""
        name = _name(tenant, key)
        known = self._find(name)
        self._young[name] = digest if known is None else known

    def digest_of(self, tenant: str, key: str) -> bytes | None:
        """The digest of the request that was answered under this key; None: not known here."""
        return self._find(_name(tenant, key))

    def _find(self, name: bytes) -> bytes | None:
        self._turn()
        return self._young.get(name) or self._old.get(name)

    def _turn(self) -> None:
        age = self._clock() - self._turned_at
        if age < KEPT_SECONDS and len(self._young) < MAX_KEYS // 2:
            return
        self._old = self._young if age < 2 * KEPT_SECONDS else {}
        self._young = {}
        self._turned_at = self._clock()


def _name(tenant: str, key: str) -> bytes:
    return blake2b(f"{tenant}\n{key}".encode(), digest_size=16).digest()
