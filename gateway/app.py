"""The application: middleware in their order, routes from the table, what handlers find in it, limits of the socket.

Enters: a `Gateway`, the clients that the role has opened. Leaves: an application that serves; and its runner. Each part of
the gateway gets what it uses, under its own key; none sees the `Gateway`. Bodies are bounded where they are read, because an
upload has no bound.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.auth.accounts import ACCOUNTS, Accounts
from gateway.auth.authentication import ADMIN_KEY, authentication
from gateway.auth.rate_limits import RATE_LIMITS, RateLimits
from gateway.campaigns.inline import CAMPAIGN_MAKER, CampaignMaker
from gateway.campaigns.queries import CAMPAIGNS, CampaignQueries
from gateway.campaigns.store import CampaignStore
from gateway.http import context
from gateway.http.connection import MAX_LINE, meet_expectation
from gateway.http.error_answers import PROBLEM_FORMS, problems
from gateway.http.identity import identity
from gateway.http.limits import Limits
from gateway.http.loop_scheduler import LoopScheduler
from gateway.http.metering import metering
from gateway.idempotency.batch import KeyBatches
from gateway.idempotency.keys import IDEMPOTENCY, Idempotency
from gateway.ingest import INGEST, Ingest
from gateway.kafka_probe import KAFKA_PROBE, KafkaProbe
from gateway.messages.acceptance import ACCEPTANCE, Acceptance
from gateway.messages.keyed_chunks import KeyedChunks
from gateway.messages.queries import MESSAGES, MessageQueries
from gateway.messages.recent import RecentMessages
from gateway.messages.shared_chunks import SHARED_CHUNKS, SharedChunks
from gateway.messages.trace import TRACES, Traces
from gateway.messages.whole_requests import WHOLE_POSTS, WholePosts
from gateway.openapi.document import describe
from gateway.operations.routes import OPENAPI, product_version
from gateway.recipients.uploads import UPLOADS, UploadReceiver
from gateway.redis_batches import REDIS, RedisBatches
from gateway.registry.problems import REGISTRY_FORM
from gateway.registry.questions import ONE_SCHEMA
from gateway.routes import ROUTES
from gateway.scheduler.routes import RELEASERS
from infra.kafka.outbox import Outbox
from infra.postgres.pool import Pool
from infra.redis.releaser_board import ReleaserBoard
from infra.security.sealing import Sealer
from infra.settings.model import Settings
from infra.telemetry.metrics import Metrics
from schemas.rules.stops import NO_STOPS, Stop

STOP_SECONDS = 3.0
LINGER_SECONDS = 2.0
"""How long the rest of a body that was refused is read, so that the client sees the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The clients and the memory of one gateway, made once by the role."""

    settings: Settings
    limits: Limits
    outbox: Outbox
    pool: Pool
    redis: RedisBatches
    releasers: ReleaserBoard
    kafka: KafkaProbe
    sealer: Sealer
    metrics: Metrics
    accounts: Accounts
    ingest: Ingest
    idempotency: Idempotency
    recent: RecentMessages

    def refused_stops(self) -> frozenset[Stop]:
        """The emergency stops whose messages are refused rather than kept."""
        return self.accounts.stops if self.settings.gateway.when_stopped == "refuse" else NO_STOPS


def make_app(gateway: Gateway) -> web.Application:
    """The application of this gateway."""
    app = web.Application(middlewares=[identity, metering, problems, authentication], client_max_size=0)
    scheduler = LoopScheduler()
    _provide_clients(app, gateway, scheduler)
    _provide_singles(app, gateway)
    _provide_resources(app, gateway, scheduler)
    for route in ROUTES:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, route.path, route.handler, expect_handler=meet_expectation)
    return app


def _provide_clients(app: web.Application, gateway: Gateway, scheduler: LoopScheduler) -> None:
    app[context.POOL] = gateway.pool
    app[context.OUTBOX] = gateway.outbox
    app[context.SEALER] = gateway.sealer
    app[context.METRICS] = gateway.metrics
    app[context.LIMITS] = gateway.limits
    app[context.SCHEDULER] = scheduler
    app[context.CURRENCY] = gateway.settings.currency
    app[PROBLEM_FORMS] = (REGISTRY_FORM,)
    app[REDIS] = gateway.redis
    app[RELEASERS] = gateway.releasers
    app[KAFKA_PROBE] = gateway.kafka
    app[ACCOUNTS] = gateway.accounts
    app[RATE_LIMITS] = RateLimits(gateway.redis, gateway.metrics)
    app[ADMIN_KEY] = gateway.settings.admin_key.get_secret_value() if gateway.settings.admin_key else None
    app[INGEST] = gateway.ingest
    app[IDEMPOTENCY] = gateway.idempotency


def _provide_singles(app: web.Application, gateway: Gateway) -> None:
    keyed = KeyedChunks(
        marks=KeyBatches(redis=gateway.redis, metrics=gateway.metrics),
        pool=gateway.pool,
        sealer=gateway.sealer,
        metrics=gateway.metrics,
        postgres_up=lambda: gateway.accounts.up,
        now=context.now_ms,
        new_root=context.fresh_root,
    )
    shared = SharedChunks(
        gateway.ingest,
        gateway.recent,
        keyed,
        gateway.sealer,
        gateway.metrics,
        now=context.now_ms,
        new_root=context.fresh_root,
    )
    app[SHARED_CHUNKS] = shared
    acceptance = Acceptance(
        accounts=gateway.accounts, idempotency=gateway.idempotency, shared=shared, refused_stops=gateway.refused_stops
    )
    app[ACCEPTANCE] = acceptance
    app[WHOLE_POSTS] = WholePosts(
        accounts=gateway.accounts,
        rate_limits=app[RATE_LIMITS],
        acceptance=acceptance,
        sealer=gateway.sealer,
        bodies=gateway.limits.bodies,
        metrics=gateway.metrics,
    )


def _provide_resources(app: web.Application, gateway: Gateway, scheduler: LoopScheduler) -> None:
    currency = gateway.settings.currency
    app[MESSAGES] = MessageQueries(pool=gateway.pool, sealer=gateway.sealer, recent=gateway.recent, currency=currency)
    app[TRACES] = Traces(cluster=gateway.settings.kafka)
    app[CAMPAIGNS] = CampaignQueries(pool=gateway.pool, currency=currency)
    app[CAMPAIGN_MAKER] = CampaignMaker(
        pool=gateway.pool,
        outbox=gateway.outbox,
        ingest=gateway.ingest,
        sealer=gateway.sealer,
        scheduler=scheduler,
        metrics=gateway.metrics,
        text_characters=gateway.limits.text_characters,
        refused_stops=gateway.refused_stops,
        profiles=lambda: gateway.accounts.profiles,
    )
    app[UPLOADS] = UploadReceiver(
        store=CampaignStore(gateway.pool),
        accounts=gateway.accounts,
        ingest=gateway.ingest,
        redis=gateway.redis,
        sealer=gateway.sealer,
        scheduler=scheduler,
        limits=gateway.limits,
        metrics=gateway.metrics,
        spool_dir=Path(gateway.settings.data_dir) / "spool",
    )
    app[ONE_SCHEMA] = asyncio.Lock()
    app[OPENAPI] = describe(ROUTES, product_version())


def make_runner(gateway: Gateway) -> web.AppRunner:
    """What listens for the application; requests on their way get three seconds at the end."""
    return web.AppRunner(
        make_app(gateway),
        access_log=None,
        handle_signals=False,
        keepalive_timeout=75,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        shutdown_timeout=STOP_SECONDS,
        lingering_time=LINGER_SECONDS,
        auto_decompress=False,
    )
