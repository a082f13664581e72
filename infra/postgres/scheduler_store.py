"""Whether releasers let anything go, as operators set it, and what waits for them.

In: an open connection of the operator. Out: the stored state; the rows that wait, those of them that are due, those that are
leased. Every releaser knows a change within a second, sooner when it is told (`infra/redis/releaser_board.py`).
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from infra.postgres.sql import load_sql


class SchedulerStore:
    """The scheduler of an installation."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self._connection = connection

    def state(self) -> dict[str, Any] | None:
        """`enabled` and `since`; None: never set, so that each releaser does as its settings say."""
        return self._connection.execute(load_sql(__package__, "scheduler")).fetchone()

    def set(self, enabled: bool) -> None:
        """For all releasers, over restarts; nothing when it is so already."""
        self._connection.execute(load_sql(__package__, "scheduler_set"), {"enabled": enabled, "at": _now()})

    def waiting(self) -> dict[str, Any]:
        """`waiting` and `due`: rows of the waiting room, and those whose time has come."""
        return self._connection.execute(load_sql(__package__, "waiting_rows"), {"at": _now()}).fetchone() or {}

    def leased(self) -> dict[str, int]:
        """Rows that are being worked on, by the name of their lease."""
        rows = self._connection.execute(load_sql(__package__, "leased_rows"), {"at": _now()}).fetchall()
        return {row["lease"]: row["leased"] for row in rows}


def _now() -> int:
    return time.time_ns() // 1_000_000
