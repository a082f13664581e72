"""Emergency stops as operators set and lift them.

In: an open connection of the operator, what a stop speaks of. Out: the stops in force, the oldest first. Every role knows a
change within about a second. Wrong: a carrier that there is not raises `LookupError`.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from infra.postgres.sql import load_sql
from schemas.rules.stops import Stop, StopKind


class StopStore:
    """The stops of an installation."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self._connection = connection

    def stops(self) -> list[dict[str, Any]]:
        """Those in force: kind, name, tenant (its name, where one is meant), since."""
        return self._connection.execute(load_sql(__package__, "stops")).fetchall()

    def stop(self, stop: Stop) -> None:
        """Nothing of it goes out from now on; one that is in force stays as it is."""
        if stop.kind == StopKind.CARRIER:
            known = self._connection.execute(load_sql(__package__, "stop_carrier"), {"name": stop.name}).fetchone()
            if known is None:
                raise LookupError(f"there is no carrier {stop.name!r}")
        values = stop._asdict() | {"at": time.time_ns() // 1_000_000}
        self._connection.execute(load_sql(__package__, "stop_set"), values)

    def lift(self, stop: Stop) -> bool:
        """Whether it was in force."""
        return self._connection.execute(load_sql(__package__, "stop_lift"), stop._asdict()).rowcount > 0
