"""Messages answered a moment ago, so that a GET right after the 202 finds them before the sinks have written them.

Enters: a chunk of single messages, its personal columns sealed. Leaves: the same for an hour, from Redis
for every gateway, and from this process's own memory when Redis is away. Never the truth once PostgreSQL has the message.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec
from msgspec.structs import replace

from gateway.redis_batches import RedisBatches, RedisDown
from infra.redis.client import load_script
from schemas.records.slice import Slice
from schemas.values.positions import everyone

KEPT_MS = 3_600_000
KEPT_HERE = 10_000
"""Chunks in this process's own memory, at most, and their octets."""
KEPT_HERE_OCTETS = 16 * 1024 * 1024
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Slice).decode


class RecentMessages:
    """By tenant and chunk."""

    def __init__(self, redis: RedisBatches) -> None:
        self._redis = redis
        self._here: OrderedDict[str, bytes] = OrderedDict()
        self._octets = 0

    async def keep(self, slice_: Slice) -> None:
        """Remember the messages of this chunk."""
        # Trap: msgpack has no integer beyond 64 bits. It is the whole chunk, so its positions follow from its size.
        key, value = _key(slice_.tenant, slice_.chunk), _encode(replace(slice_, positions=0))
        self._octets += len(value) - len(self._here.pop(key, b""))
        self._here[key] = value
        while len(self._here) > KEPT_HERE or self._octets > KEPT_HERE_OCTETS:
            self._octets -= len(self._here.popitem(last=False)[1])
        try:
            await self._redis.run(load_script("gateway.messages", "remember"), [key], [value, KEPT_MS])
        except RedisDown:
            return

    async def find(self, tenant: str, chunk: str) -> Slice | None:
        """The chunk, if it was accepted within the hour. Raises RedisDown when only Redis could say."""
        key = _key(tenant, chunk)
        value = self._here.get(key)
        if value is None:
            value = await self._redis.get(key)
        if value is None:
            return None
        slice_ = _decode(value)
        return replace(slice_, positions=everyone(slice_.size))


def _key(tenant: str, chunk: str) -> str:
    return f"recent:{tenant}:{chunk}"
