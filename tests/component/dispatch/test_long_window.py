"""What was settled before memory and log begin: Redis knows, else PostgreSQL, and marketing asks both."""

from __future__ import annotations

import time

import psycopg
import pytest

from infra.redis.client import connect
from infra.redis.settled import SettledWindow
from schemas.records.wire import Started
from schemas.values.lanes import Lane
from schemas.values.positions import everyone
from tests.component.dispatch.conftest import MakePlace
from tests.support.dispatch.env import TENANT, Place, until

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("patient_redis")]
HALF = everyone(5)


def begun(place: Place) -> int:
    """Positions started by this run."""
    total = 0
    for record in place.of(Started):
        total |= record.positions
    return total


def seen_in_postgres(place: Place, chunk: str) -> None:
    """The sink has seen half of the chunk started."""
    with psycopg.connect(place.database_url) as connection:
        connection.execute("INSERT INTO attempt_chunks (tenant, chunk, send, carrier, started, at)"
                           " VALUES (%s, %s, 1, %s, %s, 0)", (TENANT, chunk, place.carrier, HALF.to_bytes(1, "little")))


@pytest.mark.parametrize(("lane", "expected"), [
    (Lane.MARKETING, everyone(10) & ~HALF), (Lane.TRANSACTIONAL, everyone(10))])
async def test_with_a_young_redis_marketing_asks_postgresql(make_place: MakePlace, lane: Lane, expected: int) -> None:
    place = make_place(lane)
    await place.open()
    chunk = place.slice(10)
    seen_in_postgres(place, chunk.chunk)
    place.put(chunk)
    await place.start()
    await until(lambda: place.committed()[0] == place.dispatch_end())
    assert begun(place) == expected
    assert len(place.times_taken()) == expected.bit_count()


@pytest.mark.parametrize("lane", [Lane.MARKETING, Lane.OTP])
async def test_redis_remembers_what_was_settled(make_place: MakePlace, lane: Lane) -> None:
    place = make_place(lane)
    await place.open()
    chunk = place.slice(10)
    redis = connect(place.redis_url)
    window = SettledWindow(redis)
    await window.merge({(chunk.chunk, 1): HALF})
    place.put(chunk)
    await place.start()
    await until(lambda: place.committed()[0] == place.dispatch_end())
    assert begun(place) == everyone(10) & ~HALF
    deadline = time.monotonic() + 30
    while await window.read([(chunk.chunk, 1)]) != [everyone(10)]:
        assert time.monotonic() < deadline, "it was not noted within 30 s"
    assert await window.read([(chunk.chunk, 1)]) == [everyone(10)]
    await redis.close()
