"""Rows that wait for a carrier that is down go to the next one, but never what the first one has or may still get.

In: rows of the waiting room, the room and the health of two carriers in Redis, how far the sinks are. Out: which rows went.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import psycopg
import pytest

from connectors.releaser.carrier_moves import FULL_ROWS, POSTPONED_MS, CarrierMoves
from connectors.releaser.first_carrier import FirstCarrier
from connectors.releaser.leases import RowLeases
from connectors.releaser.release import Release
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.kafka.offsets import Places
from infra.kafka.outbox import Outbox
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import open_pool
from infra.redis.carrier_capacity import CapacityRequest, CarrierCapacity, room_of
from infra.redis.client import Redis, connect
from infra.services.stack import Stack
from schemas.records.wire import Envelope
from schemas.rules.carrier_health import BreakerState, CarrierHealth
from tests.support.log_records import KEYRING, NOW, SEALER, SIZE, TENANT, an_envelope, held
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

LANE, ATTEMPTS = "marketing", "attempts-marketing"
INSERT_CARRIER = (
    "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition) "
    "VALUES (%s, %s, 'smpp', 100, 1, 2, 60, 0)"
)


@dataclass(slots=True, kw_only=True)
class Place:
    """Two carriers of one route, the first one down."""

    url: str
    kafka: str
    redis: Redis
    capacity: CarrierCapacity
    moves: CarrierMoves
    config: ConfigCache
    first: str
    second: str
    ends: Places = field(default_factory=dict)

    def waits(self) -> str:
        """A new row that waits for the first carrier; its chunk."""
        chunk = f"chk_{secrets.token_hex(8)}"
        of = {"chunk": chunk, "campaign": None, "sealed": b"", "carrier": self.first}
        apply_records(self.url, an_envelope(chunk=chunk, campaign=None), sink=IngestSink(SEALER))
        apply_records(self.url, held(of=of), sink=HeldSink())
        return chunk

    async def asks(self, chunk: str) -> None:
        """A repeat of intake finds room for the chunk after all."""
        request = CapacityRequest(carrier=self.first, lane=LANE, chunk=chunk, send=1, cost=SIZE, rate=100)
        assert await self.capacity.ask([request]) == [SIZE]

    def begins(self, chunk: str, positions: int) -> None:
        """The first carrier's dispatch has begun these calls, and the sinks know."""
        insert = "INSERT INTO attempt_chunks (tenant, chunk, send, carrier, started, at) VALUES (%s, %s, 1, %s, %s, 1)"
        execute(self.url, insert, TENANT, chunk, self.first, positions.to_bytes(1, "little"))

    async def turn(self, now: int = NOW + 1, *, full: bool | None = None) -> bool:
        """One burst of the releaser; `full`: the first carrier takes messages, None: it is down."""
        closed = CarrierHealth(state=BreakerState.CLOSED, since=NOW)
        opened = CarrierHealth(state=BreakerState.OPEN, since=NOW)
        first = opened if full is None else closed
        await self.capacity.health.tell([LANE], {self.first: first, self.second: closed})
        return await self.moves.turn(self.config.carriers[self.first], LANE, "room", now, full=bool(full))

    def went(self, chunks: Iterable[str]) -> dict[str, tuple[int, int]]:
        """What intake got of these chunks: the send and its positions."""
        slices = (s for e in records_of(self.kafka, "ingest-marketing", Envelope) for s in e.slices)
        return {s.chunk: (s.send, s.positions) for s in slices if s.chunk in set(chunks)}


@pytest.fixture
async def place(services: Stack, database: str, leases: RowLeases, outbox: Outbox) -> AsyncIterator[Place]:
    """Dispatch has been seen; nobody has begun anything."""
    first, second = (f"c-{secrets.token_hex(4)}" for _ in range(2))
    with psycopg.connect(database) as connection:
        connection.execute(INSERT_CARRIER, (first, 7))
        connection.execute(INSERT_CARRIER, (second, 8))
        connection.execute("INSERT INTO routes VALUES ('49', %s, 700)", ([first, second],))
    pool, redis = await open_pool(database, size=2), connect(services.redis)
    config, capacity = ConfigCache(pool, KEYRING), CarrierCapacity(redis)
    await config.refresh()
    await capacity.renew(first, LANE, {})
    ends: Places = {}

    async def read_ends(topic: str) -> Places:
        assert topic == ATTEMPTS
        return ends

    release = Release(leases, outbox, SEALER, lambda: NOW + 1)
    moves = CarrierMoves(leases, release, capacity, FirstCarrier(leases, capacity, read_ends), config, SEALER)
    yield Place(
        url=database,
        kafka=services.kafka,
        redis=redis,
        capacity=capacity,
        moves=moves,
        config=config,
        first=first,
        second=second,
        ends=ends,
    )
    await redis.close()
    await pool.close()


async def test_what_a_repeat_of_intake_brought_to_the_first_carrier_stays_until_it_was_given_up(place: Place) -> None:
    there, gone = place.waits(), place.waits()
    await place.asks(there)
    assert await place.turn()
    assert place.went([there, gone]) == {gone: (2, 2**SIZE - 1)}

    assert not await place.turn(NOW + POSTPONED_MS + 2)
    await place.capacity.remove(place.first, LANE, [(there, 1)])
    assert not await place.turn(NOW + POSTPONED_MS + 3)  # it is let be for a while
    assert await place.turn(NOW + 2 * POSTPONED_MS + 4)
    assert place.went([there]) == {there: (2, 2**SIZE - 1)}


async def test_nothing_goes_while_redis_is_empty_and_dispatch_has_not_said_what_it_has(place: Place) -> None:
    chunk, keys = place.waits(), [f"room:{{{place.first}:{LANE}}}:{name}" for name in ("costs", "ends", "seen")]
    await place.redis.command("DEL", *keys)
    assert not await place.turn()
    await place.capacity.renew(place.first, LANE, {(chunk, 1): SIZE})
    assert not await place.turn(NOW + POSTPONED_MS + 2)
    assert place.went([chunk]) == {}


async def test_nothing_goes_before_the_sinks_have_what_was_begun(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = place.waits()
    place.ends[ATTEMPTS, 0] = 5
    monkeypatch.setattr("connectors.releaser.carrier_moves.SINK_SECONDS", 0.1)
    execute(place.url, "INSERT INTO sink_offsets VALUES (%s, 'x', 0, 4)", ATTEMPTS)
    assert not await place.turn()
    place.begins(chunk, 0b101)
    execute(place.url, "UPDATE sink_offsets SET next = 5 WHERE topic = %s", ATTEMPTS)
    assert await place.turn(NOW + POSTPONED_MS + 2)
    assert place.went([chunk]) == {chunk: (2, 2**SIZE - 1 & ~0b101)}
    assert rows(place.url, "SELECT waiting FROM held WHERE chunk = %s", chunk) == [(0,)]


async def test_what_is_begun_while_a_row_is_claimed_does_not_go(place: Place, leases: RowLeases) -> None:
    chunk = place.waits()
    (row,) = await leases.claim("room", NOW + 1, 10, carrier=place.first, lane=LANE, reason="room")
    place.begins(chunk, 0b11)
    (left,) = await FirstCarrier(leases, place.capacity, _no_ends).without([row], place.first, LANE)
    assert (row.started, left.started) == (0, 0b11)


async def test_what_a_full_carrier_cannot_take_goes_where_there_is_room_and_no_more_than_that(place: Place) -> None:
    chunks = [place.waits() for _ in range(FULL_ROWS)]
    assert not await place.turn(full=False)
    assert await place.turn(full=True)
    went = place.went(chunks)
    room = room_of(100)
    assert len(went) == room // SIZE and set(went.values()) == {(2, 2**SIZE - 1)}

    request = CapacityRequest(carrier=place.second, lane=LANE, chunk="other", send=1, cost=room, rate=100)
    await place.capacity.ask([request])
    assert not await place.turn(full=True)
    await place.capacity.remove(place.second, LANE, [("other", 1)])
    await place.capacity.look_at([(place.second, LANE, 100)])
    assert not await place.turn(full=True), "others wait there"
    waiting = rows(place.url, "SELECT count(*) FROM held WHERE waiting > 0 AND lease_until < %s", NOW)
    assert waiting == [(FULL_ROWS - len(went),)], "the first carrier serves them as soon as it can"


async def _no_ends(topic: str) -> Places:
    return {}
