"""For operators: /healthz, /readyz, /metrics, /version, /openapi.json; no key needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import msgspec
from aiohttp import web

from gateway.answers import Dependency, Health, Readiness, Version
from gateway.state import Gateway, answer, gateway_of, raw_answer
from infra.kafka.outbox import DeliveryError
from infra.postgres.pool import DatabaseDown, fetch_one, transaction
from infra.postgres.sql import load_sql
from infra.redis.client import RedisDown
from infra.telemetry.metrics import CONTENT_TYPE

CHECK_SECONDS = 2.0
_AWAY = (DatabaseDown, RedisDown, DeliveryError, TimeoutError, OSError)


async def show_health(_request: web.Request) -> web.Response:
    """200 while the process answers."""
    return answer(Health())


async def show_readiness(request: web.Request) -> web.Response:
    """200 when Kafka, PostgreSQL and Redis answer, else 503; each with its milliseconds and error."""
    gateway = gateway_of(request)
    kafka, postgres, redis = await asyncio.gather(
        _check(gateway.kafka.ask), _check(lambda: _ask_postgres(gateway)), _check(gateway.redis.ping))
    everything = all(dependency.ok for dependency in (kafka, postgres, redis))
    return answer(Readiness(ready=everything, kafka=kafka, postgres=postgres, redis=redis), 200 if everything else 503)


async def show_metrics(request: web.Request) -> web.Response:
    """The metrics in the text form of Prometheus."""
    return web.Response(body=gateway_of(request).metrics.render(), headers={"Content-Type": CONTENT_TYPE})


async def show_version(_request: web.Request) -> web.Response:
    """The version that runs."""
    return answer(Version(version=product_version()))


async def show_openapi(request: web.Request) -> web.Response:
    """The description of this interface."""
    return raw_answer(msgspec.json.encode(gateway_of(request).openapi), 200)


@cache
def product_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("sluiceway")
    except PackageNotFoundError:
        return "0+unknown"


async def _ask_postgres(gateway: Gateway) -> None:
    async with transaction(gateway.pool) as connection:
        await fetch_one(connection, load_sql("gateway.operations", "ping"))


async def _check(ask: Callable[[], Awaitable[None]]) -> Dependency:
    begun = time.perf_counter()
    try:
        await asyncio.wait_for(ask(), CHECK_SECONDS)
        error = None
    except _AWAY as fault:
        error = f"{type(fault).__name__}: {fault}".strip(": ")[:300]
    return Dependency(ok=error is None, milliseconds=round((time.perf_counter() - begun) * 1000, 1), error=error)
