"""How the releasers are doing, told by each about once a second; and the word by which all of them look at once.

In: what a releaser tells of itself; that the stored state has changed. Out: the releasers that told lately; a call for each
word. The word carries nothing: whoever hears it reads PostgreSQL, and whoever does not reads it within a second. Raises
RedisDown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from infra.redis.client import Redis

LIFE_MS = 5_000
_KEY, _CHANNEL = "releasers", "sluice:scheduler"
_AGAIN_SECONDS = 1.0


class Releaser(msgspec.Struct, frozen=True, kw_only=True):
    """One releaser, at `at`. `last_claim`: when it last took rows, 0: not yet; `lease`: the name that they bear then."""

    name: str
    enabled: bool
    last_claim: int
    lease: str
    at: int


class ReleaserBoard:
    """Of all releasers."""

    def __init__(self, client: Redis) -> None:
        self._redis = client

    async def tell(self, releaser: Releaser) -> None:
        """This releaser is doing so."""
        await self._redis.command("HSET", _KEY, releaser.name, msgspec.json.encode(releaser))

    async def read(self, now: int) -> list[Releaser]:
        """Those that told within the last seconds, by name; the others are forgotten."""
        flat = await self._redis.command("HGETALL", _KEY)
        values = flat.values() if isinstance(flat, dict) else flat[1::2]
        told = [msgspec.json.decode(value, type=Releaser) for value in values]
        gone = [one.name for one in told if one.at < now - LIFE_MS]
        if gone:
            await self._redis.command("HDEL", _KEY, *gone)
        return sorted((one for one in told if one.name not in gone), key=lambda one: one.name)

    async def call(self) -> None:
        """Every releaser is to look at the stored state now."""
        await self._redis.command("PUBLISH", _CHANNEL, b"look")


async def listen(url: str, wake: Callable[[], None]) -> None:
    """Until canceled: `wake` for each word, and for each new connection, since words before it are lost."""
    while True:
        client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=3, health_check_interval=5)
        try:
            with suppress(RedisError, OSError, TimeoutError):
                async with client.pubsub() as words:
                    await words.subscribe(_CHANNEL)
                    while True:
                        if await words.get_message(timeout=_AGAIN_SECONDS) is not None:
                            wake()
        finally:
            with suppress(RedisError, OSError):
                await client.aclose()
        await asyncio.sleep(_AGAIN_SECONDS)
