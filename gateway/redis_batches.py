"""Many small calls to Redis at once, sent together: what is waiting when a connection is free goes as one pipeline.

Enters: runs of scripts from concurrent requests. Leaves: each one's answer. Without this a burst of requests would wait
for the client's few connections and take that for a lost Redis. Raises `RedisDown` to everybody in a failed batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from infra.redis.client import Argument, Call, Redis, RedisDown, Script

MAX_BATCH = 256
PIPELINES = 4


class RedisBatches:
    """Runs scripts through at most four pipelines."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: deque[tuple[Call, asyncio.Future[Any]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """What the script returns. Raises RedisDown."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((Call(script=script, keys=keys, args=args), answer))
        if len(self._running) < PIPELINES:
            task = asyncio.create_task(self._work())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await answer

    async def get(self, key: str) -> bytes | None:
        """The value under this key. Raises RedisDown."""
        value: bytes | None = await self._redis.command("GET", key)
        return value

    async def ping(self) -> None:
        """Return when Redis answers. Raises RedisDown."""
        await self._redis.command("PING")

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            try:
                answers = await self._redis.run_all([call for call, _ in batch])
            except Exception as fault:  # noqa: BLE001 why: the requests of this batch must not wait for ever
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(fault)
                continue
            for (_, answer), value in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(value)


REDIS: web.AppKey[RedisBatches] = web.AppKey("redis", RedisBatches)

__all__ = ["REDIS", "RedisBatches", "RedisDown"]
