"""Rows that wait for room at a carrier where nothing is started go to the next carrier of their route.

In: a place (carrier, lane, reason) where rows wait; what dispatch tells of the carriers. Out: the rows of it whose numbers
have a route with another carrier that takes messages, back to intake under their next send number; intake chooses. That a
row goes is noted in PostgreSQL first: killed behind that, it goes the same way later (`where_carrier_down`). Rows that have
no other carrier, or of which this one may have something (`first_carrier.py`), are let be for `POSTPONED_MS`. Without Redis
nobody knows of a carrier that is down, and all stay.
"""

from __future__ import annotations

from array import array

import structlog

from connectors.releaser.first_carrier import FirstCarrier
from connectors.releaser.leases import RowLeases
from connectors.releaser.release import Release
from connectors.releaser.rows import HeldRow, each
from infra.kafka.client import KafkaException
from infra.postgres.config_cache import CarrierRow, ConfigCache
from infra.redis.carrier_health import CarrierHealthBoard
from infra.redis.client import RedisDown
from infra.security.sealing import Sealer
from schemas.records.slice import Slice
from schemas.rules.carrier_health import BreakerState, takes_nothing
from schemas.rules.routes import RouteTable

log = structlog.get_logger()
BATCH_ROWS = 256
"""Rows of a burst: each waits for the sinks once."""
POSTPONED_MS = 2_000


class CarrierMoves:
    """Of one releaser. `now` in milliseconds is given at each call."""

    def __init__(
        self,
        leases: RowLeases,
        release: Release,
        board: CarrierHealthBoard,
        first: FirstCarrier,
        config: ConfigCache,
        sealer: Sealer,
    ) -> None:
        self._leases = leases
        self._release = release
        self._board = board
        self._first = first
        self._config = config
        self._sealer = sealer
        self._routes = RouteTable((), ())
        self._routes_version = -1

    async def turn(self, carrier: CarrierRow, lane: str, reason: str, now: int) -> bool:
        """One burst of the rows that wait there; whether any went."""
        others = self._newest_routes().others_beside(carrier.id)
        takers = await self._takers(carrier, sorted(others), lane) if others else frozenset()
        if not takers:
            return False
        rows = await self._leases.claim("room", now, BATCH_ROWS, carrier=carrier.id, lane=lane, reason=reason)
        whole = await self._release.complete(rows)
        movable = each(whole, lambda pair: (*pair, self._has_taker(pair[1], carrier.id, takers)))
        gone = await self._nowhere([row for row, _, has_taker in movable if has_taker], carrier.id, lane)
        moved = await self._leases.pass_on(gone)
        await self._release.to_next_carrier(moved)
        left = {row.key for row in moved}
        await self._leases.postpone([row for row, _ in whole if row.key not in left], now + POSTPONED_MS)
        return bool(moved)

    async def _nowhere(self, rows: list[HeldRow], carrier: str, lane: str) -> list[HeldRow]:
        """Those of which nothing lies at the carrier; none while that cannot be known."""
        try:
            return await self._first.without(rows, carrier, lane) if rows else []
        except (RedisDown, KafkaException, TimeoutError) as fault:
            log.warning("rows stay at a carrier that is down", action="rows_stay", carrier=carrier, fault=str(fault))
            return []

    async def _takers(self, carrier: CarrierRow, others: list[str], lane: str) -> frozenset[str]:
        """The carriers that take messages instead of this one; none while it takes them itself."""
        try:
            health = await self._board.read([(carrier.id, lane), *((other, lane) for other in others)])
        except RedisDown:
            return frozenset()
        if not takes_nothing(health[0], carrier.rate):
            return frozenset()
        rows = self._config.carriers
        return frozenset(
            other
            for other, told in zip(others, health[1:], strict=True)
            if told is not None and told.state is BreakerState.CLOSED and not takes_nothing(told, rows[other].rate)
        )

    def _has_taker(self, slice_: Slice, carrier: str, takers: frozenset[str]) -> bool:
        ways = self._routes.find_all(array("Q", self._sealer.open(slice_).to))
        return any(way is not None and carrier in way.carriers and not takers.isdisjoint(way.carriers) for way in ways)

    def _newest_routes(self) -> RouteTable:
        if self._config.version != self._routes_version:
            self._routes = RouteTable(self._config.routes, self._config.carriers.keys())
            self._routes_version = self._config.version
        return self._routes
