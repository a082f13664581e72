"""What handlers find in the application and in the request, each under a typed key.

Enters: clients and limits, put into the application by `app.py`; per request what the middleware found out. Leaves: the same
by key. Whatever belongs to one resource or one part of the gateway has its key beside its class, not here.
"""

from __future__ import annotations

import os
import time

from aiohttp import web

from gateway.http.limits import Limits
from gateway.http.loop_scheduler import LoopScheduler
from gateway.http.quota import Reservation
from infra.kafka.outbox import Outbox
from infra.postgres.pool import Pool
from infra.security.sealing import Sealer
from infra.telemetry.metrics import Metrics
from schemas.values.ids import fresh_id

POOL: web.AppKey[Pool] = web.AppKey("pool", Pool)
OUTBOX: web.AppKey[Outbox] = web.AppKey("outbox", Outbox)
SEALER: web.AppKey[Sealer] = web.AppKey("sealer", Sealer)
METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
LIMITS: web.AppKey[Limits] = web.AppKey("limits", Limits)
SCHEDULER: web.AppKey[LoopScheduler] = web.AppKey("scheduler", LoopScheduler)
CURRENCY: web.AppKey[str] = web.AppKey("currency", str)
"""The one of the installation."""

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
TRACEPARENT: web.RequestKey[str] = web.RequestKey("traceparent", str)
ANSWER_HEADERS: web.RequestKey[dict[str, str]] = web.RequestKey("answer_headers", dict)
"""What the answer says besides, whatever it is."""
BODY_RESERVATION: web.RequestKey[Reservation] = web.RequestKey("body_reservation", Reservation)
"""The bytes of its body, until the request ends."""


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def fresh_root() -> str:
    """26 characters that nobody had before."""
    return fresh_id(now_ms(), os.urandom(10))
