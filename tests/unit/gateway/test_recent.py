"""What a gateway remembers by itself of what it accepted is bounded, in chunks and in octets."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from gateway.messages import recent
from gateway.messages.recent import RecentMessages
from gateway.redis_batches import RedisBatches, RedisDown
from schemas.records.examples import examples
from schemas.records.slice import Slice
from schemas.records.wire import Envelope


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
