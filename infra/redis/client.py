"""The one way to Redis: short time-outs, no retries, and a rest of one second after a failure.

In: commands and Lua scripts (`load_script`). Out: Redis's answers, undecoded bytes and numbers. Whatever keeps Redis from
answering (refused, slow, loading, read-only, out of memory) is `RedisDown`; for `REST_SECONDS` after one every call
raises it at once, without waiting, so that a lost Redis costs a role a quarter of a second, once. A script that Redis
has forgotten is sent again with its text. Any other error reply is a fault of ours and is raised as it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)

REST_SECONDS = 1.0
TIMEOUT_SECONDS = 0.25
_AWAY = (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, OSError)
_AWAY_REPLIES = ("MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS")

log = structlog.get_logger()

Argument = str | bytes | int | float


class RedisDown(RuntimeError):
    """Redis does not answer now; what to do instead is the caller's policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A Lua script and the name by which Redis remembers it."""

    text: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One run of a script."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Argument]


@cache
def load_script(package: str | None, name: str) -> Script:
    """The script in `<name>.lua` beside the code of this package."""
    text = files(package or "").joinpath(f"{name}.lua").read_text(encoding="utf-8")
    return Script(text=text, sha=hashlib.sha1(text.encode()).hexdigest())


class Redis:
    """A pool of connections. `clock`: seconds that never go back."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=16,
            timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
        )
        self._client: Any = redis.asyncio.Redis(connection_pool=self._pool)
        self._clock = clock
        self._rest_until = float("-inf")
        self._forgetting = False

    async def open(self) -> None:
        """Connect, so that the first question does not wait for it; with Redis away it does."""
        with suppress(RedisDown):
            await self.command("PING")

    async def command(self, *words: Argument) -> Any:
        """The answer to one command. Raises RedisDown."""
        return (await self.commands([words]))[0]

    async def commands(self, many: Sequence[Sequence[Argument]]) -> list[Any]:
        """The answers to several commands sent together (not a transaction). Raises RedisDown."""
        if not many:
            return []
        return [self._checked(answer) for answer in await self._send(many)]

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """What the script returns. Raises RedisDown."""
        return (await self.run_all([Call(script=script, keys=keys, args=args)]))[0]

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """What each of several calls returns, in order, sent together (not a transaction). Raises RedisDown."""
        if not calls:
            return []
        answers = await self._send([("EVALSHA", c.script.sha, len(c.keys), *c.keys, *c.args) for c in calls])
        forgotten = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if forgotten:
            texts = [("EVAL", c.script.text, len(c.keys), *c.keys, *c.args) for c in (calls[n] for n in forgotten)]
            for n, answer in zip(forgotten, await self._send(texts), strict=True):
                answers[n] = answer
        return [self._checked(answer) for answer in answers]

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()
        await self._pool.disconnect()

    async def _send(self, many: Sequence[Sequence[Argument]]) -> list[Any]:
        if self._clock() < self._rest_until:
            raise RedisDown("Redis did not answer a moment ago")
        try:
            return await self._ask(many)
        except _AWAY as fault:
            down = self._down(fault)
            await self._forget_idle()
            raise down from fault
        except asyncio.CancelledError as fault:
            # Trap: a connection that is being closed is one future for all who wait for it; the time-out of one of them
            # cancels it for the others. Passed on, it would end a task that nobody wanted to end.
            if _is_cancelled():
                raise
            raise self._down(fault) from fault

    async def _ask(self, many: Sequence[Sequence[Argument]]) -> list[Any]:
        if len(many) == 1:
            return [await self._single(many[0])]
        async with self._client.pipeline(transaction=False) as pipeline:
            for words in many:
                pipeline.execute_command(*words)
            return list(await pipeline.execute(raise_on_error=False))

    async def _forget_idle(self) -> None:
        """Idle connections are of the Redis that went away: each would fail once more, a second apart. One caller at a
        time; a connection that cannot even be closed in time is gone either way."""
        if not self._forgetting:
            self._forgetting = True
            try:
                await self._pool.disconnect(inuse_connections=False)
            except (*_AWAY, asyncio.CancelledError) as fault:
                if _is_cancelled():
                    raise
                log.info("a connection to Redis was not closed in time", action="redis_close", fault=repr(fault))
            finally:
                self._forgetting = False

    async def _single(self, words: Sequence[Argument]) -> Any:
        try:
            return await self._client.execute_command(*words)
        except ResponseError as reply:
            return reply

    def _checked(self, answer: Any) -> Any:
        if isinstance(answer, _AWAY) or (isinstance(answer, ResponseError) and str(answer).startswith(_AWAY_REPLIES)):
            raise self._down(answer) from answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _down(self, fault: BaseException) -> RedisDown:
        self._rest_until = self._clock() + REST_SECONDS
        return RedisDown(f"Redis: {type(fault).__name__}: {fault}")


def _is_cancelled() -> bool:
    """Whether somebody asked the task at hand to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def connect(url: str) -> Redis:
    """A client for this address (`redis://host:port/db` or `unix:///path`); connects when first used."""
    return Redis(url)
