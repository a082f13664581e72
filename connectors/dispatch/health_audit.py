"""What dispatch changes by itself in how it uses a carrier leaves rows in the audit: its breaker, its share of the rate.

In: the carriers' health, each second. Out: a row at each change of a breaker's state, and of the share when it leaves or
reaches the whole, or has moved by a tenth; of the share at most every ten seconds a carrier. Goes wrong: PostgreSQL away,
then the rows wait, `MOST` of them at most: what is older is in the log.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from infra.postgres.pool import DatabaseDown, Pool, execute, single_statement
from infra.postgres.sql import load_sql
from schemas.rules.carrier_health import BreakerState, CarrierHealth
from schemas.values.foreign_text import fit

SHARE_STEP = 0.1
SHARE_MS = 10_000
MOST = 1_000
FAULT_LENGTH = 300
"""Trap: it may be a carrier's own words, and a row that PostgreSQL refuses would come again each second and end the role."""


@dataclass(slots=True)
class _Noted:
    """What the audit says last."""

    state: BreakerState
    share: float
    share_at: int


class HealthAudit:
    """One a process. `now` in milliseconds since the epoch."""

    def __init__(self, pool: Pool, who: str, now: Callable[[], int]) -> None:
        self._pool = pool
        self._who = who
        self._now = now
        self._noted: dict[str, _Noted] = {}
        self.rows: deque[tuple[int, str, str, str]] = deque(maxlen=MOST)

    async def report(self, carriers: Mapping[str, CarrierHealth]) -> None:
        """Note what has changed, and write what was noted."""
        for gone in self._noted.keys() - carriers.keys():
            del self._noted[gone]
        for carrier, health in carriers.items():
            self._note(carrier, health)
        if not self.rows:
            return
        with suppress(DatabaseDown):
            async with single_statement(self._pool) as connection:
                columns = [list(column) for column in zip(*self.rows, strict=True)]
                await execute(connection, load_sql(__package__, "insert_audit"), (self._who, *columns))
            self.rows.clear()

    def _note(self, carrier: str, health: CarrierHealth) -> None:
        noted = self._noted.setdefault(carrier, _Noted(BreakerState.CLOSED, 1.0, self._now() - SHARE_MS))
        if health.state is not noted.state:
            self._add(
                carrier, "carrier.breaker", {"state": [noted.state, health.state], "fault": fit(health.fault, FAULT_LENGTH)}
            )
            noted.state = health.state
        ends = health.share != noted.share and 1.0 in (health.share, noted.share)
        moved = ends or abs(health.share - noted.share) >= SHARE_STEP
        if moved and self._now() - noted.share_at >= SHARE_MS:
            self._add(carrier, "carrier.rate_share", {"share": [noted.share, health.share]})
            noted.share, noted.share_at = health.share, self._now()

    def _add(self, carrier: str, action: str, detail: Mapping[str, object]) -> None:
        self.rows.append((self._now(), action, carrier, json.dumps(detail)))
