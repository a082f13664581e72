"""For operators: /healthz, /readyz, /metrics, /version, /openapi.json; no key needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from aiohttp import web

from gateway.auth.accounts import ACCOUNTS
from gateway.http.answer import answer, raw_answer
from gateway.http.context import METRICS, POOL
from gateway.kafka_probe import KAFKA_PROBE
from gateway.operations.types import Dependency, Health, Readiness, Version
from gateway.redis_batches import REDIS
from infra.kafka.outbox import DeliveryError
from infra.postgres.pool import DatabaseDown, Pool, fetch_one, transaction
from infra.postgres.sql import load_sql
from infra.redis.client import RedisDown
from infra.telemetry.metrics import CONTENT_TYPE

CHECK_SECONDS = 2.0
OPENAPI: web.AppKey[dict[str, Any]] = web.AppKey("openapi", dict)
_AWAY = (DatabaseDown, RedisDown, DeliveryError, TimeoutError, OSError)


async def show_health(_request: web.Request) -> web.Response:
    """200 while the process answers."""
    return answer(Health())


async def show_readiness(request: web.Request) -> web.Response:
    """200 when Kafka, PostgreSQL and Redis answer, else 503; each with its milliseconds and error."""
    app = request.app
    kafka, postgres, redis = await asyncio.gather(
        _check(app[KAFKA_PROBE].check), _check(lambda: _ask_postgres(app[POOL])), _check(app[REDIS].ping)
    )
    stops = sorted(f"{stop.kind} {stop.name}".rstrip() for stop in app[ACCOUNTS].stops)
    everything = all(dependency.ok for dependency in (kafka, postgres, redis))
    return answer(
        Readiness(ready=everything, kafka=kafka, postgres=postgres, redis=redis, stops=stops), 200 if everything else 503
    )


async def show_metrics(request: web.Request) -> web.Response:
    """The metrics in the text form of Prometheus."""
    return web.Response(body=request.app[METRICS].render(), headers={"Content-Type": CONTENT_TYPE})


async def show_version(_request: web.Request) -> web.Response:
    """The version that runs."""
    return answer(Version(version=product_version()))


async def show_openapi(request: web.Request) -> web.Response:
    """The description of this interface."""
    return raw_answer(msgspec.json.encode(request.app[OPENAPI]), 200)


@cache
def product_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("sluiceway")
    except PackageNotFoundError:
        return "0+unknown"


async def _ask_postgres(pool: Pool) -> None:
    async with transaction(pool) as connection:
        await fetch_one(connection, load_sql("gateway.operations", "ping"))


async def _check(ask: Callable[[], Awaitable[None]]) -> Dependency:
    begun = time.perf_counter()
    try:
        await asyncio.wait_for(ask(), CHECK_SECONDS)
        error = None
    except _AWAY as fault:
        error = f"{type(fault).__name__}: {fault}".strip(": ")[:300]
    return Dependency(ok=error is None, milliseconds=round((time.perf_counter() - begun) * 1000, 1), error=error)
