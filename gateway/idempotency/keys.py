"""One key, one thing, for ever: marks in Redis, ids in PostgreSQL, and the rule that joins them.

Enters: tenant, `Idempotency-Key`, the digest of the request. Leaves: `Claim` (go on; give the answer to `finish`, or call
`release`), `Replay` (the stored answer) or `Made` (PostgreSQL has what this very request made). Refused: 422 another
request under this key, 409 the first is still running, 409 `key_used` after a day. Redis away: PostgreSQL decides alone;
both away: the request goes on, its ids derive from the key, so that a repeat is recognised further down. What this process
answered within the minute it knows by itself (`AnsweredKeys`), as PostgreSQL does not before the sinks have written it.
Left open: Redis emptied and, within that second, another gateway or this one started again: two bodies then get one id.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from gateway.http.problem import Problem
from gateway.idempotency.answered_keys import AnsweredKeys
from gateway.redis_batches import RedisBatches, RedisDown
from infra.postgres.pool import DatabaseDown, Pool, fetch_all, tenant_transaction
from infra.postgres.sql import load_sql
from infra.redis.client import load_script
from infra.telemetry.metrics import Metrics
from schemas.values.ids import TenantId, campaign_id, derived_id, single_message_id

HEADER = "Idempotency-Key"
MAX_KEY = 255
WINDOW_MS = 24 * 3600 * 1000
LEASE_MS = 30_000
EPOCH = "idempotency:epoch"


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was given."""

    status: int
    body: bytes
    location: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The key is this request's, as nobody has used it; `mark` is None when Redis could not be asked."""

    mark: str | None
    running: tuple[str, str]
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The answer that this request got before."""

    stored: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """PostgreSQL shows what this request made; `answer` only of a campaign."""

    id: str
    answer: dict[str, Any] | None


encode_stored = msgspec.msgpack.Encoder().encode
decode_stored = msgspec.msgpack.Decoder(Stored).decode


class Idempotency:
    """The keys of all tenants. PostgreSQL is not asked while `postgres_up` says no, nor for a second after it failed, so
    that its absence costs little."""

    def __init__(self, redis: RedisBatches, pool: Pool, metrics: Metrics, postgres_up: Callable[[], bool]) -> None:
        self._redis = redis
        self._pool = pool
        self._postgres_up = postgres_up
        self._metrics = metrics
        self._running: set[tuple[str, str]] = set()
        self._answered = AnsweredKeys()
        self._skip_until = 0.0

    async def begin(self, tenant: str, key: str, digest: bytes) -> Claim | Replay | Made:
        """Claim the key for this request."""
        running = tenant, key
        self.enter(tenant, key, digest)
        try:
            outcome = await self._begin(running, digest)
        except BaseException:
            self._running.discard(running)
            raise
        if not isinstance(outcome, Claim):
            self._running.discard(running)
        return outcome

    def enter(self, tenant: str, key: str, digest: bytes) -> None:
        """The key is in use in this process from now on, until `leave`. Refused: what this process knows of the key."""
        if (tenant, key) in self._running:
            raise still_running(1)
        if self._answered.digest_of(tenant, key) not in (None, digest):
            raise other_request()
        self._running.add((tenant, key))

    def leave(self, tenant: str, key: str, digest: bytes | None) -> None:
        """The key is not in use any more; with `digest`: this request was done, or nobody knows whether it was."""
        self._running.discard((tenant, key))
        if digest is not None:
            self._answered.keep(tenant, key, digest)

    async def finish(self, claim: Claim, stored: Stored) -> None:
        """Keep the answer for a day."""
        self.leave(*claim.running, claim.digest)
        if claim.mark is not None:
            await self._try("finish", [claim.mark], [WINDOW_MS, claim.digest, encode_stored(stored)])

    async def release(self, claim: Claim, *, nothing_done: bool) -> None:
        """Give the key up: for any request when nothing was done, else for a repeat of this request alone."""
        self.leave(*claim.running, None if nothing_done else claim.digest)
        if claim.mark is not None:
            await self._try("release", [claim.mark], [claim.digest, "forget" if nothing_done else "keep"])

    async def _begin(self, running: tuple[str, str], digest: bytes) -> Claim | Replay | Made:
        mark = mark_of(running[0], derived_id(TenantId(running[0]), running[1]))
        [answer] = await self._try("begin", [EPOCH, mark], [LEASE_MS, WINDOW_MS, digest]) or [None]
        verdict = answer[0].decode() if answer else "unknown"
        if verdict == "other":
            raise other_request()
        if verdict == "done":
            return Replay(stored=decode_stored(answer[1]))
        if verdict == "running":
            raise still_running(1 + int(answer[1]) // 1000)
        claim = Claim(mark=mark if answer else None, running=running, digest=digest)
        try:
            made = await self._find(*running)
            if made is not None:
                await self.release(claim, nothing_done=True)
                judge(*made[:3], digest)
                return Made(id=made[0], answer=made[3])
        except DatabaseDown:
            self._metrics.count("sluice_dependency_failures_total", "postgres")
            self._skip_until = time.monotonic() + 1.0
        return claim

    async def _find(self, tenant: str, key: str) -> tuple[str, bytes | None, int, dict[str, Any] | None] | None:
        if time.monotonic() < self._skip_until or not self._postgres_up():
            return None
        root = derived_id(TenantId(tenant), key)
        async with tenant_transaction(self._pool, tenant) as connection:
            rows = await fetch_all(
                connection,
                load_sql("gateway.idempotency", "find_key"),
                {
                    "tenant": tenant,
                    "roots": [root],
                    "messages": [single_message_id(root)],
                    "campaigns": [campaign_id(root)],
                },
            )
        return rows[0][1:] if rows else None

    async def _try(self, script: str, keys: list[str], args: list[str | bytes | int | float]) -> Any:
        try:
            return await self._redis.run(load_script("gateway.idempotency", script), keys, args)
        except RedisDown:
            self._metrics.count("sluice_dependency_failures_total", "redis")
            return None


def mark_of(tenant: str, root: str) -> str:
    """Under which name Redis keeps what it knows of the key that this root derives from."""
    return f"idempotency:{tenant}:{root}"


IDEMPOTENCY: web.AppKey[Idempotency] = web.AppKey("idempotency", Idempotency)


def judge(identity: str, known: bytes | None, at: int, digest: bytes) -> None:
    """Raise unless what PostgreSQL shows under a key was made by this very request, within the day."""
    if time.time() * 1000 - at > WINDOW_MS:
        raise Problem(409, "key_used", f"this key made {identity} more than a day ago; a new thing needs a new key")
    if known is None or bytes(known) != digest:
        raise other_request()


def other_request() -> Problem:
    return Problem(422, "idempotency_conflict", "this key was used for another request")


def still_running(seconds: int) -> Problem:
    return Problem(
        409, "request_running", "the first request with this key is still running", headers={"Retry-After": str(seconds)}
    )
