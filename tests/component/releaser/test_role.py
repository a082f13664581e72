"""The role `releaser` as the supervisor runs it: overdue receipts are noted by themselves, the end comes soon.

In: a chunk that has rested in `sent` for years, the real topics, a sink at work. Out: its reason in PostgreSQL.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.releaser import role as releaser
from connectors.sinks.message_events import MessageEventsSink
from infra.runtime.role import RoleContext
from infra.security.keyring import create_keyring
from infra.services.stack import Stack
from infra.settings.model import KafkaSettings, PostgresSettings, RedisSettings, Settings
from tests.support.log_records import change, events
from tests.support.releaser_rows import EVENTS, apply_records, rows
from tests.support.running_sinks import running_sink
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack


async def test_overdue_receipts_are_noted_while_it_runs(services: Stack, database: str, tmp_path: Path) -> None:
    chunk = f"chk_{secrets.token_hex(8)}"
    apply_records(database, events(change("sent", carrier="acme"), chunk=chunk))
    settings = Settings(
        data_dir=tmp_path,
        kafka=KafkaSettings(bootstrap=services.kafka),
        postgres=PostgresSettings(url=SecretStr(database)),
        redis=RedisSettings(url=SecretStr(services.redis)),
    )
    create_keyring(settings.keyring_path)
    ready, stop = asyncio.Event(), asyncio.Event()
    context = RoleContext(settings=settings, name="releaser", pool=None, instance="releaser-0", stop=stop, ready=ready.set)
    sink = MessageEventsSink()
    sink.reads = (EVENTS,)

    def is_noted() -> bool:
        return rows(database, "SELECT reasons FROM chunks WHERE chunk = %s", chunk) == [([104] * 10,)]

    def watch() -> None:
        with running_sink(sink, services.kafka, database):
            wait_for(is_noted, 30)

    running = asyncio.create_task(releaser.run(context))
    await asyncio.wait_for(ready.wait(), 60)
    await asyncio.to_thread(watch)
    stop.set()
    await asyncio.wait_for(running, 12)  # five seconds, on a machine of half the speed that stands still for two of them
    assert rows(database, "SELECT count(*) FROM awaited_receipts") == [(0,)]
