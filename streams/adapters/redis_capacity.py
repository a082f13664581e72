"""Room at the carriers from Redis; without Redis, from a bucket of this process, smaller.

In: asks for room, carriers chosen for positions. Out: grants, and the carriers written first. Nothing is granted where work
already waits for the same carrier and lane, one-time codes excepted. With Redis gone (`RedisDown` stays inside): choices
are neither written down nor known, and a local bucket grants at most 0.8 of the rate, half a second of it at a time; what
is held meanwhile goes on when Redis is back. Never down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from infra.redis.carrier_capacity import CapacityRequest, CarrierCapacity, room_of
from infra.redis.client import RedisDown
from schemas.rules.carrier_health import CarrierHealth
from schemas.values.lanes import Lane
from streams.ports import CapacityAsk

log = structlog.get_logger()

CAUTION = 0.8


class Bucket:
    """Segments that may leave without asking anybody: `rate` a second, at most `capacity` at once."""

    def __init__(self, capacity: float, now: float) -> None:
        self._level = capacity
        self._at = now

    def grant(self, want: int, rate: float, capacity: float, now: float) -> int:
        """How many of `want` are granted now."""
        self._level = min(capacity, self._level + max(0.0, now - self._at) * rate)
        self._at = now
        granted = min(want, int(self._level))
        self._level -= granted
        return granted


class RedisCapacity:
    """Room and choices. `clock`: seconds that never go back."""

    def __init__(self, shared: CarrierCapacity, clock: Callable[[], float]) -> None:
        self._shared = shared
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    async def assign(self, wanted: Sequence[tuple[str, int, Mapping[str, int]]]) -> list[Mapping[str, int]]:
        """For each (chunk, send, carrier → positions): the carriers written first."""
        if not wanted:
            return []
        try:
            return list(await self._shared.assign(wanted))
        except RedisDown:
            return [carriers for _, _, carriers in wanted]

    async def already_assigned(self, sends: Sequence[tuple[str, int]]) -> list[Mapping[str, int]]:
        """For each (chunk, send): positions by the carrier assigned to them; none without Redis."""
        try:
            return list(await self._shared.read_assigned(sends))
        except RedisDown as fault:
            log.warning(
                "no Redis: what a first run gave to a carrier is not known", action="assigned_unknown", fault=str(fault)
            )
            return [{} for _ in sends]

    async def health(self, places: Sequence[tuple[str, str]]) -> list[CarrierHealth | None]:
        """How each (carrier, lane) is doing; None where nobody knows."""
        try:
            return await self._shared.health.read(places)
        except RedisDown:
            return [None for _ in places]

    async def are_waiting(self, places: Sequence[tuple[str, str]]) -> list[bool]:
        """For each (carrier, lane): whether work waits for room there; no where nobody knows."""
        if not places:
            return []
        try:
            return await self._shared.are_waiting(places)
        except RedisDown:
            return [False for _ in places]

    async def ask(self, asks: Sequence[CapacityAsk]) -> list[int]:
        """Segments granted to each, 0 to its cost."""
        if not asks:
            return []
        try:
            queues = await self._queues(asks)
            free = [n for n, ask in enumerate(asks) if (ask.carrier, ask.lane) not in queues]
            granted = [0] * len(asks)
            answers = await self._shared.ask([_room_ask(asks[n]) for n in free]) if free else []
            for n, answer in zip(free, answers, strict=True):
                granted[n] = answer
        except RedisDown as fault:
            log.warning("no Redis: carriers get less room", action="space_local", fault=str(fault))
            return [self._locally(ask) for ask in asks]
        return granted

    async def _queues(self, asks: Sequence[CapacityAsk]) -> set[tuple[str, str]]:
        """Where others already wait."""
        places = sorted({(ask.carrier, ask.lane) for ask in asks if ask.lane != Lane.OTP})
        waiting = await self._shared.are_waiting(places)
        return {place for place, busy in zip(places, waiting, strict=True) if busy}

    def _locally(self, ask: CapacityAsk) -> int:
        if ask.rate <= 0:
            return 0
        rate, now = ask.rate * CAUTION, self._clock()
        capacity = max(float(ask.least), room_of(ask.rate) * CAUTION)
        bucket = self._buckets.setdefault((ask.carrier, ask.lane, ask.bucket), Bucket(capacity, now))
        return bucket.grant(ask.cost, rate, capacity, now)


def _room_ask(ask: CapacityAsk) -> CapacityRequest:
    return CapacityRequest(
        carrier=ask.carrier,
        lane=ask.lane,
        chunk=ask.chunk,
        send=ask.send,
        cost=ask.cost,
        rate=ask.rate,
        least=ask.least,
        bucket=ask.bucket,
    )
