"""What a carrier has or may still get of rows that are to leave it, so that no other carrier gets the same.

A row may wait while the same positions lie in its carrier's queue: intake was killed and its repeat went the other way. In:
leased rows of one carrier and lane. Out: the rows of which nothing is there, each with the positions that a call was begun
for. Three looks, in this order: what is on its way there, in Redis; how far the attempts went, in Kafka, with the sinks
behind that; what was begun, in PostgreSQL. A call that was begun after the first look would have been seen by it, one from
before is in PostgreSQL by the third. With Redis emptied or the sinks late no row leaves now. Raises `RedisDown`,
`DatabaseDown`, `KafkaException`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from connectors.releaser.leases import RowLeases
from connectors.releaser.rows import HeldRow
from infra.kafka.offsets import Places
from infra.redis.carrier_capacity import CarrierCapacity
from schemas.records.topics import attempts
from schemas.values.lanes import Lane

SINK_SECONDS = 2.0
"""The sinks are waited for this long at a carrier that takes nothing; the rows are looked at again later."""
LOOK_SECONDS = 0.02


class FirstCarrier:
    """`ends`: the end offsets of a topic's partitions."""

    def __init__(self, leases: RowLeases, capacity: CarrierCapacity, ends: Callable[[str], Awaitable[Places]]) -> None:
        self._leases = leases
        self._capacity = capacity
        self._ends = ends

    async def without(
        self, rows: Sequence[HeldRow], carrier: str, lane: str, patience: float = SINK_SECONDS
    ) -> list[HeldRow]:
        """The rows of which nothing lies at this carrier, with what was started there; the sinks are waited for so many
        seconds."""
        there = await self._capacity.are_there(carrier, lane, [(row.chunk, row.send) for row in rows])
        gone = [row for row, is_there in zip(rows, there, strict=True) if not is_there]
        if not gone or not await self._sinks_reach(await self._ends(attempts(Lane(lane))), patience):
            return []
        started = await self._leases.read_started(gone)
        return [msgspec.structs.replace(row, started=begun) for row, begun in zip(gone, started, strict=True)]

    async def _sinks_reach(self, ends: Places, patience: float) -> bool:
        until = time.monotonic() + patience
        while True:
            rows = await self._leases.query("sink_offsets", {"topics": sorted({topic for topic, _ in ends})})
            reached = {(topic, partition): following for topic, partition, following in rows}
            if all(reached.get(place, 0) >= end for place, end in ends.items()):
                return True
            if time.monotonic() > until:
                return False
            await asyncio.sleep(LOOK_SECONDS)
