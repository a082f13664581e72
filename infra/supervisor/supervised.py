"""What is kept alive: a role with its process and its history, a service that may die and be started again.

In: rows of roles. Out: their state, as `ps` shows it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from infra.supervisor.forkserver import Child
from infra.supervisor.roles import RoleRow


class Restartable(Protocol):
    """A service that may die and be started again; `start` blocks."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def alive(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(slots=True)
class Supervised:
    """One role: its process now, and its history."""

    row: RoleRow
    process: Child | None = None
    started_at: float = 0.0
    starts: int = 0
    failures: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int | None:
        process = self.process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def state(self) -> str:
        if self.pid is None:
            return "down"
        return "running" if self.ready.is_set() else "starting"

    def as_json(self) -> dict[str, Any]:
        """What `ps` shows, with the time of the start instead of the time since."""
        return {
            "name": self.row.name,
            "role": self.row.role,
            "pool": self.row.pool,
            "pid": self.pid,
            "started_at": self.started_at if self.pid else None,
            "restarts": max(0, self.starts - 1),
            "state": self.state,
        }
