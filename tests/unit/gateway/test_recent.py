"""What a gateway remembers by itself of what it accepted is bounded, in chunks and in octets."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from gateway.messages import recent
from gateway.messages.recent import RecentMessages
from gateway.messages.shared_chunks import MAX_SHARED
from gateway.redis_batches import RedisBatches, RedisDown
from schemas.records.examples import examples
from schemas.records.slice import Slice
from schemas.records.wire import Envelope
from schemas.values.positions import everyone


class NoRedis:
    async def run(self, *_: Any) -> None:
        raise RedisDown("away")

    async def get(self, _key: str) -> None:
        return None


def chunk(number: int, octets: int = 10) -> Slice:
    envelope = next(record for record in examples() if isinstance(record, Envelope))
    return msgspec.structs.replace(envelope.slices[0], tenant="t", chunk=f"chk_{number}", sealed=b"x" * octets)


@pytest.mark.parametrize(("name", "value", "octets"), [("KEPT_HERE", 3, 10), ("KEPT_HERE_OCTETS", 3500, 500)])
async def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch, name: str, value: int, octets: int) -> None:
    monkeypatch.setattr(recent, name, value)
    kept = RecentMessages(cast(RedisBatches, NoRedis()))
    for number in range(20):
        await kept.keep(chunk(number, octets))
    await kept.keep(chunk(19, octets))
    found = [number for number in range(20) if await kept.find("t", f"chk_{number}") is not None]
    assert found == list(range(20 - len(found), 20)) and 1 <= len(found) <= 4
    assert kept._octets == sum(map(len, kept._here.values())) <= recent.KEPT_HERE_OCTETS


async def test_a_chunk_of_many_comes_back_as_it_was() -> None:
    """Its positions are a number of so many bits."""
    kept = RecentMessages(cast(RedisBatches, NoRedis()))
    many = msgspec.structs.replace(chunk(1), size=MAX_SHARED, positions=everyone(MAX_SHARED))
    await kept.keep(many)
    assert await kept.find("t", "chk_1") == many
