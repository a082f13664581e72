"""The keys of many requests of one tenant, asked for and answered together.

Enters: requests (`root` that the key derives to, `digest`). Leaves: what Redis knows of each key: `Mark`. With Redis away
every mark is unknown, and PostgreSQL decides alone. `finish` keeps the answers for a day; `release` gives keys up for
repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.http.problem import Problem
from gateway.idempotency.keys import (
    EPOCH,
    WINDOW_MS,
    Stored,
    decode_stored,
    encode_stored,
    mark_of,
    other_request,
    still_running,
)
from gateway.redis_batches import RedisBatches, RedisDown
from infra.redis.client import Argument, load_script
from infra.telemetry.metrics import Metrics

LEASE_MS = 2_000
"""How long a key is not given to a second request. Two at once would only write the same record twice, as PostgreSQL knows
their place; so a gateway that died keeps its keys for a moment, not for half a minute."""


class Keyed(Protocol):
    """A request with an idempotency key."""

    @property
    def root(self) -> str: ...

    @property
    def digest(self) -> bytes: ...


class Known(StrEnum):
    """What Redis knows of a key: that it is new, nothing (it was emptied within the day, which proves nothing), that its
    request was begun before, or that Redis is away."""

    NEW = "new"
    UNSEEN = "unseen"
    AGAIN = "again"
    UNKNOWN = "unknown"


Mark = Known | Stored | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBatches:
    """Redis, asked for whole batches."""

    redis: RedisBatches
    metrics: Metrics

    async def begin(self, tenant: str, requests: Sequence[Keyed]) -> list[Mark]:
        """Claim the keys of these requests; what is known of each."""
        keys = [EPOCH, *(mark_of(tenant, request.root) for request in requests)]
        try:
            answers = await self.redis.run(
                load_script("gateway.idempotency", "begin"),
                keys,
                [LEASE_MS, WINDOW_MS, *(request.digest for request in requests)],
            )
        except RedisDown:
            self.metrics.count("sluice_dependency_failures_total", "redis")
            return [Known.UNKNOWN] * len(requests)
        return [_mark(answer) for answer in answers]

    async def finish(self, tenant: str, answered: Sequence[tuple[Keyed, Stored]]) -> None:
        """Keep these answers."""
        args: list[Argument] = [WINDOW_MS]
        for request, stored in answered:
            args += (request.digest, encode_stored(stored))
        try:
            await self.redis.run(
                load_script("gateway.idempotency", "finish"),
                [mark_of(tenant, request.root) for request, _ in answered],
                args,
            )
        except RedisDown:
            self.metrics.count("sluice_dependency_failures_total", "redis")

    async def release(self, tenant: str, requests: Sequence[Keyed], *, nothing_done: bool) -> None:
        """Give their keys up: for any request when nothing was done, else for repeats of the same ones alone."""
        script, how = load_script("gateway.idempotency", "release"), "forget" if nothing_done else "keep"
        for request in requests:
            try:
                await self.redis.run(script, [mark_of(tenant, request.root)], [request.digest, how])
            except RedisDown:
                self.metrics.count("sluice_dependency_failures_total", "redis")
                return


def _mark(answer: list[bytes]) -> Mark:
    match answer[0].decode():
        case "other":
            return other_request()
        case "done":
            return decode_stored(answer[1])
        case "running":
            return still_running(1 + int(answer[1]) // 1000)
        case verdict:
            return Known(verdict)
