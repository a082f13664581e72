"""What the handlers of one gateway share, made once by the role.

Enters: clients and settings. Leaves: `Gateway`, found in the application under `GATEWAY`; per request the account under
`ACCOUNT`, the hold on memory under `HELD` and the traceparent under `TRACEPARENT`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from gateway.auth.accounts import Account, Accounts
from gateway.http.limits import Bounds
from gateway.http.quota import Held
from gateway.idempotency.keys import Idempotency
from gateway.ingest import Ingest
from gateway.kafka_probe import KafkaProbe
from gateway.messages.recent import FreshMessages
from gateway.redis_batches import RedisBatches
from infra.kafka.outbox import Outbox
from infra.postgres.pool import Pool
from infra.security.sealing import Sealer
from infra.settings.model import Settings
from infra.telemetry.metrics import Metrics
from schemas.values.ids import fresh_id


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def fresh_root() -> str:
    """26 characters that nobody had before."""
    return fresh_id(now_ms(), os.urandom(10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything a handler may use."""

    settings: Settings
    outbox: Outbox
    pool: Pool
    redis: RedisBatches
    kafka: KafkaProbe
    accounts: Accounts
    sealer: Sealer
    ingest: Ingest
    idempotency: Idempotency
    fresh: FreshMessages
    metrics: Metrics
    spool_dir: Path
    openapi: Mapping[str, Any]
    bounds: Bounds
    now: Callable[[], int] = now_ms
    new_root: Callable[[], str] = fresh_root
    one_schema: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def currency(self) -> str:
        """The installation's currency."""
        return self.settings.currency


GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)
ACCOUNT: web.RequestKey[Account] = web.RequestKey("account", Account)
TRACEPARENT: web.RequestKey[str] = web.RequestKey("traceparent", str)
HELD: web.RequestKey[Held] = web.RequestKey("held", Held)
"""The bytes of its body, until the request ends."""
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)


def gateway_of(request: web.Request) -> Gateway:
    """The gateway that serves this request."""
    return request.app[GATEWAY]


def account_of(request: web.Request) -> Account:
    """The account that the request's key opened."""
    return request[ACCOUNT]


def answer(body: msgspec.Struct, status: int = 200, *, location: str | None = None) -> web.Response:
    """A JSON answer."""
    return raw_answer(msgspec.json.encode(body), status, location=location)


def raw_answer(body: bytes, status: int, *, location: str | None = None) -> web.Response:
    """A JSON answer of bytes that are ready."""
    headers = {} if location is None else {"Location": location}
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
