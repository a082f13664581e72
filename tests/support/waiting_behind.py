"""A carrier, and rows of several tenants that wait behind it: what a releaser gives each of them.

In: a database, Kafka, Redis. Out: rows of the waiting room, releasers, what left the rows and what went to dispatch. A
stand-in for dispatch sends all that a room holds.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Mapping

from psycopg.types.json import Jsonb

from connectors.releaser.capacity_release import CapacityRelease
from connectors.releaser.carrier_moves import CarrierMoves
from connectors.releaser.first_carrier import FirstCarrier
from connectors.releaser.leases import RowLeases
from connectors.releaser.release import Release
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.kafka.offsets import Places
from infra.kafka.outbox import Outbox
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import Pool
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import Redis
from schemas.records.wire import Envelope
from tests.support.database import add_tenant
from tests.support.log_records import KEYRING, NOW, SEALER, an_envelope, held
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.topic_reader import records_of

LANE = "marketing"
RATE = 80
ROOM = RATE // 2
SIZE = 40
ADD_CARRIER = (
    "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition) "
    "VALUES (%s, 9, 'smpp', %s, 1, 2, 60, 0)"
)
PUT_CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, version, published, grouping, "
    "digest, answer, created_at) VALUES (%s, %s, 'n', 'ACME', 'Hi', 'marketing', 60, %s, 2, 2, 7, '', '{}', 1) "
    "ON CONFLICT (tenant, id) DO UPDATE SET status = excluded.status"
)
WAITING = "SELECT tenant::text, sum(segments_total) FROM held WHERE carrier = %s GROUP BY tenant"


class Behind:
    """One carrier, and rows of several tenants that wait behind it."""

    def __init__(self, kafka: str, database: str, pool: Pool, outbox: Outbox, redis: Redis) -> None:
        self._redis, self.capacity = redis, CarrierCapacity(redis)
        self.carrier = f"c-{secrets.token_hex(6)}"
        self._kafka, self.database, self._pool, self.outbox = kafka, database, pool, outbox
        self._rows = 0
        self._at = NOW + 60_000
        self.senders: dict[str, str] = {}
        execute(database, ADD_CARRIER, self.carrier, RATE)

    def tenant(self, number: int, *, weight: int = 1) -> str:
        """A tenant; higher numbers are later in every index."""
        tenant = f"{number:08d}-0000-4000-8000-000000000000"
        add_tenant(self.database, tenant, reserved=1_000_000)
        execute(self.database, "UPDATE tenants SET weight = %s WHERE id = %s", weight, tenant)
        return tenant

    def add(
        self,
        tenant: str,
        count: int,
        *,
        segments: int = 1,
        campaign: str | None = None,
        profile: str | None = None,
        reason: str = "room",
        sender: str = "ACME",
    ) -> None:
        """So many chunks, the oldest first."""
        whole = {"tenant": tenant, "campaign": campaign, "size": SIZE, "profile": profile, "sender": sender}
        waiting = {**whole, "sealed": b"", "carrier": self.carrier, "segments": bytes([segments]) * SIZE}
        chunks = {f"chk_{secrets.token_hex(8)}": NOW + self._rows + n for n in range(count)}
        self._rows += count
        self.senders |= dict.fromkeys(chunks, sender)
        apply_records(self.database, *(an_envelope(chunk=chunk, **whole) for chunk in chunks), sink=IngestSink(SEALER))
        records = (held(of={**waiting, "chunk": c}, at=at, reason=reason) for c, at in chunks.items())
        apply_records(self.database, *records, sink=HeldSink())

    def campaign(self, tenant: str, campaign: str, status: str) -> None:
        """It is in this state, and every role knows."""
        execute(self.database, PUT_CAMPAIGN, tenant, campaign, status)

    def limit(self, **rates: Mapping[str, float]) -> None:
        """The carrier's senders and networks have these rates, by the names of its columns."""
        for column, value in rates.items():
            execute(self.database, f"UPDATE carriers SET {column} = %s WHERE id = %s", Jsonb(value), self.carrier)

    def let_time_pass(self, seconds: float = 60) -> None:
        """Rows that are let be for a moment are looked at again."""
        self._at += int(seconds * 1000)

    async def is_said_to_wait(self) -> bool:
        """Whether intake is told that work waits for this carrier."""
        return (await self.capacity.are_waiting([(self.carrier, LANE)])) == [True]

    async def forget_who_waits(self) -> None:
        """As after a second in which nobody says that work waits."""
        await self._redis.command("DEL", f"waiting:{self.carrier}:{LANE}")

    async def releaser(self, moves_by: type[CarrierMoves] = CarrierMoves) -> CapacityRelease:
        """One that has given nothing yet."""
        config, leases = ConfigCache(self._pool, KEYRING), RowLeases(self._pool)
        await config.refresh()
        release = Release(leases, self.outbox, SEALER, self._time)
        first = FirstCarrier(leases, self.capacity, _no_ends)
        moves = moves_by(leases, release, self.capacity, first, config, SEALER)
        looks = itertools.count(1.0)  # a second at each look: tenants are listed anew with each turn
        return CapacityRelease(leases, release, self.capacity, config, SEALER, moves, self._time, clock=lambda: next(looks))

    async def serve(self, *releasers: CapacityRelease, rooms: int = 1) -> Counter[str]:
        """The carrier takes so many rooms, one after the other; what each tenant had of them, in segments."""
        before = self._waiting()
        for _ in range(rooms):
            while any(await asyncio.gather(*(one.turn() for one in releasers))):
                pass
            chunks = rows(self.database, "SELECT chunk FROM held WHERE carrier = %s", self.carrier)
            await self.capacity.remove(self.carrier, LANE, [(chunk, 1) for (chunk,) in chunks])
        return Counter({tenant: had - self._waiting()[tenant] for tenant, had in before.items()})

    def change(self, what: str) -> None:
        """Change the carrier's row."""
        execute(self.database, f"UPDATE carriers SET {what} WHERE id = '{self.carrier}'")

    def sent(self, topic: str = f"dispatch-{LANE}") -> list[tuple[str, int]]:
        """Every message that went to the carrier's dispatch."""
        slices = [one for e in records_of(self._kafka, topic, Envelope) for one in e.slices]
        return [
            (one.chunk, position)
            for one in slices
            if one.carrier == self.carrier
            for position in range(SIZE)
            if one.positions >> position & 1
        ]

    def _time(self) -> int:
        return self._at

    def _waiting(self) -> dict[str, int]:
        return dict(rows(self.database, WAITING, self.carrier))


async def _no_ends(topic: str) -> Places:
    return {}
