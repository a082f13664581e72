"""A carrier's marketing changes hands: from the pool that carries it to the other, once that one has nothing of it left.

In: carriers whose `binds` became 1, or more than 1 again; the partitions of this process. Out: `one_process` of the row,
which says to intake, releasers and both pools by whom marketing goes. Meanwhile nothing of it is given to the carrier. The
owner of the partition in the pool that gives up waits until whoever writes there has read the new row, and Kafka has taken
or refused what they were about to write (`WAIT_MS`); reads on to the end of the partition of that moment; and turns the row
when nothing of the carrier is open any more and Redis knows what was settled. So a repeat that comes to the other pool is
recognised as one that comes hours later is. A wish that changed meanwhile begins anew. Killed at any step, the next owner
begins anew; Kafka, Redis or PostgreSQL away: it waits for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from connectors.dispatch.owned_partition import OwnedPartition
from infra.kafka.client import KafkaException
from infra.kafka.records import PartitionKey
from infra.postgres.config_cache import CarrierRow
from infra.postgres.pool import DatabaseDown, Pool, execute, transaction
from infra.postgres.sql import load_sql
from schemas.records.topics import dispatch_of
from schemas.rules.one_process import changes_hands
from schemas.values.lanes import Lane
from schemas.values.lanes import Pool as LanePool

WAIT_MS = 10_000
"""Configuration is a second old at most, and Kafka refuses what it has not taken after eight."""
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Handover:
    """One that is under way. `turned`: the change of `binds` that it answers; `end`: of the partition, once all that may
    still come is there."""

    turned: int
    seen_at: int
    end: int | None = None


class LaneHandover:
    """Of one process; call `turn` about once a second. `turn_row`: turns the row of a carrier, unless its `binds` changed
    more often than so. `end_of`: the end of a partition; `flushed`: tells Redis what was settled, and whether it knows all
    of it. `now` in milliseconds."""

    def __init__(
        self,
        pool: LanePool,
        turn_row: Callable[[str, int], Awaitable[bool]],
        owned_partitions: Mapping[PartitionKey, OwnedPartition],
        end_of: Callable[[PartitionKey], Awaitable[int]],
        flushed: Callable[[], Awaitable[bool]],
        now: Callable[[], int],
    ) -> None:
        self._pool = pool
        self._turn_row = turn_row
        self._owned_partitions = owned_partitions
        self._end_of = end_of
        self._flushed = flushed
        self._now = now
        self._handovers: dict[str, Handover] = {}

    async def turn(self, carriers: Mapping[str, CarrierRow]) -> None:
        """Look at the carriers that change hands."""
        turning = {carrier: row for carrier, row in carriers.items() if self._gives_up(row)}
        self._handovers = {
            carrier: had
            if (had := self._handovers.get(carrier)) is not None and had.turned == row.binds_turned
            else Handover(turned=row.binds_turned, seen_at=self._now())
            for carrier, row in turning.items()
        }
        for carrier, row in turning.items():
            try:
                await self._look(row, self._handovers[carrier])
            except (DatabaseDown, KafkaException, TimeoutError) as fault:
                log.info("a carrier's marketing waits", action="handover_waits", carrier=carrier, fault=str(fault))

    def _gives_up(self, row: CarrierRow) -> bool:
        changes = changes_hands(Lane.MARKETING, row.binds, one_process=row.one_process)
        return changes and row.one_process is (self._pool is LanePool.OTP)

    async def _look(self, row: CarrierRow, handover: Handover) -> None:
        place = (dispatch_of(Lane.MARKETING, one_process=row.one_process), row.partition)
        owned = self._owned_partitions.get(place)
        if owned is None or self._now() - handover.seen_at < WAIT_MS:
            return
        if handover.end is None:
            handover.end = await self._end_of(place)
        if owned.closed or owned.offsets.next_offset < handover.end or owned.open_at(row.id) or not await self._flushed():
            return
        if await self._turn_row(row.id, handover.turned):
            log.info(
                "a carrier's marketing is carried by the other pool now",
                action="lane_handed_over",
                carrier=row.id,
                one_process=not row.one_process,
            )


async def turn_row(database: Pool, carrier: str, turned: int) -> bool:
    """Whether the carrier's marketing is the other pool's now. Raises DatabaseDown."""
    values = {"id": carrier, "turned": turned}
    async with transaction(database) as connection:
        return await execute(connection, load_sql("connectors.dispatch", "hand_over"), values) > 0
