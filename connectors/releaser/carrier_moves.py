"""Rows that wait for room at a carrier where nothing is started, or that is full, go to the next carrier of their route.

In: a place (carrier, lane, reason) where rows wait; what dispatch tells of the carriers; the room of the others. Out: the
rows of it whose numbers have a route with another carrier that takes messages, back to intake under their next send number;
intake chooses. That a row goes is noted in PostgreSQL first: killed behind that, it goes the same way later
(`where_carrier_down`). Rows that have no other carrier, or of which this one may have something (`first_carrier.py`), are
let be for `POSTPONED_MS`. Without Redis nobody knows of a carrier that is down, and all stay.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

import structlog

from connectors.releaser.first_carrier import SINK_SECONDS, FirstCarrier
from connectors.releaser.leases import RowLeases
from connectors.releaser.release import Release
from connectors.releaser.rows import HeldRow, each
from infra.kafka.client import KafkaException
from infra.postgres.config_cache import CarrierRow, ConfigCache
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import RedisDown
from infra.security.sealing import Sealer
from schemas.records.slice import Slice
from schemas.rules.carrier_health import BreakerState, takes_nothing
from schemas.rules.routes import RouteTable

log = structlog.get_logger()
BATCH_ROWS = 256
"""Rows of a burst: each waits for the sinks once."""
POSTPONED_MS = 2_000
FULL_ROWS = 16
"""Of a carrier that is full: it serves the others meanwhile."""
FULL_SECONDS = 0.8
"""They are kept from it no longer; the sinks gather attempts for half a second."""
REST_MS = 1_000
"""Nothing of these could go: they are not all opened again before."""


class CarrierMoves:
    """Of one releaser. `now` in milliseconds is given at each call."""

    def __init__(
        self,
        leases: RowLeases,
        release: Release,
        capacity: CarrierCapacity,
        first: FirstCarrier,
        config: ConfigCache,
        sealer: Sealer,
    ) -> None:
        self._leases = leases
        self._release = release
        self._board = capacity.health
        self._capacity = capacity
        self._first = first
        self._config = config
        self._sealer = sealer
        self._rest_until: dict[tuple[str, str, str], int] = {}
        self._routes = RouteTable((), ())
        self._routes_version = -1

    async def turn(self, carrier: CarrierRow, lane: str, reason: str, now: int, *, full: bool = False) -> bool:
        """One burst of the rows that wait there; whether any went. `full`: the carrier has no room now."""
        place = (carrier.id, lane, reason)
        if now < self._rest_until.get(place, 0):
            return False
        others = sorted(self._newest_routes().others_beside(carrier.id))
        try:
            takers = await self._takers(carrier, others, lane, full=full) if others else {}
        except RedisDown:
            return False
        if not takers:
            return False
        it_serves = carrier.id in takers
        limit = FULL_ROWS if it_serves else BATCH_ROWS
        rows = await self._leases.claim("room", now, limit, carrier=carrier.id, lane=lane, reason=reason)
        whole = await self._release.complete(rows)
        movable = _within(takers, each(whole, lambda pair: (*pair, self._taker_of(pair[1], carrier.id, takers))))
        gone = await self._nowhere(movable, carrier.id, lane, FULL_SECONDS if it_serves else SINK_SECONDS)
        moved = await self._leases.pass_on(gone)
        await self._release.to_next_carrier(moved)
        left = {row.key for row in moved}
        stay = [row for row, _ in whole if row.key not in left]
        if it_serves:
            await self._leases.mark([(row, row.started) for row in stay])
            self._rest_until[place] = 0 if moved else now + REST_MS
        else:
            await self._leases.postpone(stay, now + POSTPONED_MS)
        return bool(moved)

    async def _nowhere(self, rows: list[HeldRow], carrier: str, lane: str, patience: float) -> list[HeldRow]:
        """Those of which nothing lies at the carrier; none while that cannot be known."""
        try:
            return await self._first.without(rows, carrier, lane, patience) if rows else []
        except (RedisDown, KafkaException, TimeoutError) as fault:
            log.warning("rows stay at a carrier that is down", action="rows_stay", carrier=carrier, fault=str(fault))
            return []

    async def _takers(self, carrier: CarrierRow, others: list[str], lane: str, *, full: bool) -> dict[str, float]:
        """The carriers that take messages instead of this one, and how many segments of its rows they may have now: where it
        is only full itself, what they have room for, and nothing where others wait. While it takes messages it stands among
        them, with nothing."""
        rows = self._config.carriers  # of the same moment as the others: it is replaced while we wait
        health = await self._board.read([(carrier.id, lane), *((other, lane) for other in others)])
        able = [
            other
            for other, told in zip(others, health[1:], strict=True)
            if told is not None and told.state is BreakerState.CLOSED and not takes_nothing(told, rows[other].rate)
        ]
        if takes_nothing(health[0], carrier.rate):
            return dict.fromkeys(able, math.inf)
        if not full or not able:
            return {}
        waiting = await self._capacity.are_waiting([(other, lane) for other in able])
        room = await self._capacity.free_at([(other, lane, rows[other].room_rate(lane)) for other in able])
        free: dict[str, float] = {
            other: segments for other, busy, segments in zip(able, waiting, room, strict=True) if segments > 0 and not busy
        }
        return {carrier.id: 0, **free} if free else {}

    def _taker_of(self, slice_: Slice, carrier: str, takers: Mapping[str, float]) -> str | None:
        """The carrier that all of these numbers may go to instead; of one whose rows go wherever they can, that any may."""
        ways = [
            way for way in self._routes.find_all(array("Q", self._sealer.open(slice_).to)) if way and carrier in way.carriers
        ]
        of_all = set(takers).intersection(*(way.carriers for way in ways)) if ways else set()
        if carrier in takers:
            return next((other for other in takers if other in of_all and other != carrier), None)
        return next((other for way in ways for other in way.carriers if other in takers), None)

    def _newest_routes(self) -> RouteTable:
        if self._config.version != self._routes_version:
            self._routes = RouteTable(self._config.routes, self._config.carriers.keys())
            self._routes_version = self._config.version
        return self._routes


def _within(takers: Mapping[str, float], rows: Sequence[tuple[HeldRow, Slice, str | None]]) -> list[HeldRow]:
    """The first rows for which there is room where they can go; the last one may be larger than that."""
    left, going = dict(takers), list[HeldRow]()
    for row, slice_, taker in rows:
        if taker is not None and left[taker] > 0:
            left[taker] -= sum(slice_.segments)
            going.append(row)
    return going
