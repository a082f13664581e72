"""Releasers are stopped and started by what PostgreSQL holds: at once by a word through Redis, within a second without it,
also at the start; what is canceled ends all the same.

In: rows that are due, the stored state, releasers. Out: which rows still wait; what the releasers tell of themselves.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.releaser import role as releaser
from connectors.releaser.leases import RowLeases
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.redis.client import connect
from infra.redis.releaser_board import Releaser, ReleaserBoard
from infra.runtime.role import RoleContext
from infra.security.keyring import create_keyring
from infra.services.stack import Stack
from infra.settings.model import KafkaSettings, PostgresSettings, RedisSettings, SchedulerSettings, Settings
from tests.support.log_records import SEALER, TENANT, an_envelope, held
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.waiting import until

pytestmark = pytest.mark.stack

MANY = 100
"""Campaigns that one look finds."""
INSERT_CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, version, published, grouping, "
    "digest, answer, created_at) VALUES (%s, %s, 'n', 's', 'b', 'marketing', 60, %s, 3, 3, 1, '', '{}', 1)"
)
SET = (
    "INSERT INTO scheduler (enabled, since) VALUES (%s, 1) "
    "ON CONFLICT (id) DO UPDATE SET enabled = EXCLUDED.enabled, since = 1"
)


@pytest.fixture
def settings(services: Stack, database: str, tmp_path: Path) -> Settings:
    made = Settings(
        data_dir=tmp_path,
        kafka=KafkaSettings(bootstrap=services.kafka),
        postgres=PostgresSettings(url=SecretStr(database)),
        redis=RedisSettings(url=SecretStr(services.redis)),
    )
    create_keyring(made.keyring_path)
    return made


@asynccontextmanager
async def running(settings: Settings, name: str = "releaser-0") -> AsyncIterator[None]:
    """A releaser at work."""
    ready, stop = asyncio.Event(), asyncio.Event()
    context = RoleContext(settings=settings, name="releaser", pool=None, instance=name, stop=stop, ready=ready.set)
    task = asyncio.create_task(releaser.run(context))
    await asyncio.wait_for(ready.wait(), 60)
    yield
    stop.set()
    await asyncio.wait_for(task, 12)


def due(database: str) -> str:
    """A row whose time has come; its chunk."""
    chunk, now = f"chk_{secrets.token_hex(8)}", time.time_ns() // 1_000_000
    of = {"chunk": chunk, "campaign": None, "expires_at": now + 3_600_000}
    apply_records(database, an_envelope(chunk=chunk, campaign=None), sink=IngestSink(SEALER))
    apply_records(database, held(reason="scheduled", not_before=now - 1, of=of), sink=HeldSink())
    return chunk


def leased(database: str, chunk: str) -> bool:
    """Whether a releaser took it: the payload is of another keyring, so it cannot go on, and stays leased."""
    return rows(database, "SELECT lease IS NOT NULL OR waiting = 0 FROM held WHERE chunk = %s", chunk) == [(True,)]


async def told(settings: Settings) -> list[Releaser]:
    client = connect(settings.redis.url.get_secret_value() if settings.redis.url else "")
    try:
        return await ReleaserBoard(client).read(time.time_ns() // 1_000_000)
    finally:
        await client.close()


async def test_a_stop_and_a_start_that_no_word_told_of_are_read_within_a_second(settings: Settings, database: str) -> None:
    execute(database, SET, False)
    async with running(settings):
        chunk = due(database)
        await until(lambda: rows(database, "SELECT 1 FROM held"), 5)
        deadline = time.monotonic() + 10
        while not (mine := [one for one in await told(settings) if one.name == "releaser-0"]):
            assert time.monotonic() < deadline
        assert (mine[0].enabled, mine[0].last_claim) == (False, 0)
        assert not leased(database, chunk)
        execute(database, SET, True)
        await until(lambda: leased(database, chunk), 5)


async def test_a_word_makes_all_of_them_look_at_once(settings: Settings, database: str) -> None:
    async with running(settings, "releaser-0"), running(settings, "releaser-1"):
        client = connect(settings.redis.url.get_secret_value() if settings.redis.url else "")
        board = ReleaserBoard(client)
        for enabled in (False, True):
            execute(database, SET, enabled)
            await board.call()
            deadline = time.monotonic() + 5
            while {one.enabled for one in await board.read(time.time_ns() // 1_000_000)} != {enabled}:
                assert time.monotonic() < deadline
        assert {one.name for one in await board.read(time.time_ns() // 1_000_000)} >= {"releaser-0", "releaser-1"}
        await client.close()


@pytest.mark.parametrize(("initial", "stored", "goes"), [(False, None, False), (False, True, True), (True, False, False)])
async def test_what_is_stored_counts_and_else_the_settings(
    settings: Settings, database: str, initial: bool, stored: bool | None, goes: bool
) -> None:
    if stored is not None:
        execute(database, SET, stored)
    chunk = due(database)
    canceled = due(database)
    execute(
        database,
        "INSERT INTO canceled_messages (tenant, chunk, lane, places, published, at) VALUES (%s, %s, '', '{0}', 1, 1)",
        TENANT,
        canceled,
    )
    async with running(settings.model_copy(update={"scheduler": SchedulerSettings(enabled=initial)})):
        await until(lambda: leased(database, canceled), 10)  # what is canceled ends either way
        if goes:
            await until(lambda: leased(database, chunk), 5)
        assert leased(database, chunk) is goes


async def test_while_nothing_may_go_campaigns_that_run_do_not_stand_before_those_that_are_over(
    database: str, leases: RowLeases
) -> None:
    names = [f"cmp_{number:016x}" for number in range(MANY + 1)]
    chunks = {name: f"chk_{secrets.token_hex(8)}" for name in names}
    for name in names:
        execute(database, INSERT_CAMPAIGN, TENANT, name, "canceled" if name == names[-1] else "running")
    whole = [an_envelope(chunk=chunk, campaign=name) for name, chunk in chunks.items()]
    apply_records(database, *whole, sink=IngestSink(SEALER))
    waiting = [held(reason="draft", of={"chunk": chunk, "campaign": name}) for name, chunk in chunks.items()]
    apply_records(database, *waiting, sink=HeldSink())
    asked = {"now": time.time_ns() // 1_000_000, "enough": 1, "open": False}
    assert [name for _, name, _ in await leases.query("ready_campaigns", asked)] == [names[-1]]
    running = await leases.query("ready_campaigns", {**asked, "open": True})
    assert len(running) == MANY and {status for *_, status in running} == {"running"}
