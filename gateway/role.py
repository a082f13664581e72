"""The role `gateway`: clients made, keys read, requests served until the stop.

Enters: a `RoleContext`. Leaves: nothing; requests on their way are answered before it ends. Kafka, PostgreSQL or Redis may
be away at the start and later: calls that need them are 503 until they are back. A port that is taken ends the process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from gateway.app import Gateway, make_runner
from gateway.auth.accounts import Accounts
from gateway.http.connection import listen
from gateway.http.limits import limits_of
from gateway.idempotency.keys import Idempotency
from gateway.ingest import Ingest
from gateway.kafka_probe import KafkaProbe
from gateway.messages.recent import RecentMessages
from gateway.messages.whole_requests import WHOLE_POSTS
from gateway.redis_batches import RedisBatches
from infra.kafka.outbox import Outbox
from infra.postgres.pool import open_pool
from infra.redis.client import connect
from infra.redis.releaser_board import ReleaserBoard
from infra.runtime.private_files import replace_private_file
from infra.runtime.role import RoleContext
from infra.security.keyring import load_keyring
from infra.security.sealing import Sealer
from infra.settings.model import Settings
from infra.telemetry.metrics import Metrics
from schemas.values.phone import numbering_plans

POOL_SIZE, TENANT_POOL_SIZE = 8, 4
# A call may meet a PostgreSQL that stands still twice, in a statement, then waiting for its turn and a connection: 9 s of
# at most 10.
ANSWER_SECONDS = 5.0
log = structlog.get_logger()


async def run(role: RoleContext) -> None:
    """Serve until `stop`."""
    async with open_gateway(role.settings, role.instance) as gateway:
        refreshing = asyncio.create_task(gateway.accounts.keep_fresh(role.stop))
        runner = make_runner(gateway)
        await runner.setup()
        place = role.settings.gateway
        listening = await listen(runner, place.host, place.port, runner.app[WHOLE_POSTS])
        log.info("listening", action="listening", host=place.host, port=place.port)
        role.ready()
        # In a thread, which lets the loop in every 5 ms; the first number of a country would hold it for up to 40.
        reading = asyncio.create_task(asyncio.to_thread(numbering_plans.read_all, role.stop.is_set))
        stopping = asyncio.create_task(role.stop.wait())
        # The readings end by themselves only with an error, and then this process is of no use.
        await asyncio.wait({stopping, refreshing}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        listening.close()
        await runner.cleanup()
        await asyncio.gather(refreshing, reading)


def _note_stops(data_dir: Path, stops: list[tuple[str, str, int]]) -> None:
    """The stops in force, where `sluice ps` finds them without asking anybody; on a machine that has a data folder."""
    if stops:
        log.warning(
            "emergency stops are in force", action="stops", stops=[f"{kind} {name}".strip() for kind, name, _ in stops]
        )
    folder = data_dir / "run"
    if folder.is_dir():
        rows = [{"kind": kind, "name": name, "since": since} for kind, name, since in stops]
        replace_private_file(folder / "stops.json", json.dumps({"stops": rows}))


@asynccontextmanager
async def open_gateway(settings: Settings, instance: str) -> AsyncIterator[Gateway]:
    """A gateway with its clients, which are closed at the end."""
    if settings.kafka.bootstrap is None or settings.redis.url is None:
        raise ValueError("the gateway needs the addresses of Kafka and Redis")
    metrics = Metrics()
    app_url = settings.postgres.app_url or settings.postgres.url
    if app_url is None:
        raise ValueError("the gateway needs the address of PostgreSQL")
    sealer = Sealer(load_keyring(settings.keyring_path))
    pool = await open_pool(
        app_url.get_secret_value(),
        role="app",
        size=POOL_SIZE,
        tenant_size=TENANT_POOL_SIZE,
        answer_seconds=ANSWER_SECONDS,
    )
    client = connect(settings.redis.url.get_secret_value())
    outbox = Outbox(settings.kafka, instance)
    redis = RedisBatches(client)
    accounts = Accounts(pool, metrics, partial(_note_stops, settings.data_dir))
    await accounts.refresh()
    try:
        yield Gateway(
            settings=settings,
            limits=limits_of(settings.gateway),
            outbox=outbox,
            pool=pool,
            redis=redis,
            releasers=ReleaserBoard(client),
            kafka=KafkaProbe(settings.kafka),
            sealer=sealer,
            metrics=metrics,
            accounts=accounts,
            ingest=Ingest(outbox, metrics),
            idempotency=Idempotency(redis, pool, metrics, lambda: accounts.up),
            recent=RecentMessages(redis),
        )
    finally:
        await client.close()
        await pool.close()
        await outbox.close()
