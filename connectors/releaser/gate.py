"""Whether this releaser lets anything go: as an operator has set it for all, else as its settings say.

In: the stored state (PostgreSQL, with the configuration), words that it has changed. Out: `open`; what this releaser tells
of itself. A lost word costs a second: the configuration is read that often anyway, and at the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from connectors.releaser.leases import RowLeases
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import DatabaseDown
from infra.redis.client import RedisDown
from infra.redis.releaser_board import Releaser, ReleaserBoard

log = structlog.get_logger()


class Gate:
    """Of one releaser. `initial`: what its settings say; `opened`: called when it may let go again."""

    def __init__(self, config: ConfigCache, *, initial: bool, opened: Callable[[], None]) -> None:
        self._config = config
        self._initial = initial
        self._opened = opened
        self._known = self.open
        self._refreshing: asyncio.Task[None] | None = None
        config.on_change(self._look)

    @property
    def open(self) -> bool:
        """Whether anything may go."""
        stored = self._config.scheduler
        return self._initial if stored is None else stored

    def look_now(self) -> None:
        """The stored state may have changed: read it at once."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh(), name="scheduler-state")

    async def _refresh(self) -> None:
        try:
            await self._config.refresh()
        except DatabaseDown as fault:
            log.info(
                "the state of the scheduler is read once PostgreSQL is back", action="scheduler_stale", fault=str(fault)
            )

    def _look(self) -> None:
        if self.open != self._known:
            self._known = self.open
            log.warning("releasers were told", action="scheduler_start" if self.open else "scheduler_stop")
            if self.open:
                self._opened()


async def tell_of_releaser(board: ReleaserBoard, name: str, gate: Gate, leases: RowLeases, now: int) -> None:
    """Where `sluice scheduler status` finds it; without Redis nowhere."""
    try:
        await board.tell(Releaser(name=name, enabled=gate.open, last_claim=leases.last_claim, lease=leases.name, at=now))
    except RedisDown:
        return
