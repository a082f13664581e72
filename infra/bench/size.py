"""How much is measured. In: the options of `sluice bench`. Out: `Size`; every scenario takes what it needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`rounds` and `roles` of kills; `keyed`: every single message with an Idempotency-Key of its own."""

    recipients: int
    seconds: float
    rounds: int = 1
    roles: Sequence[str] = ()
    keyed: bool = False
