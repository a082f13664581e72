"""The role `sinks` as the supervisor runs it: ready once every sink has joined, soon visible, soon gone.

In: the real topics, a database, a keyring. Out: a message's state in PostgreSQL while nothing else happens, and an end
within five seconds of the stop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from connectors.sinks import role as sinks
from infra.kafka.offsets import end_offsets
from infra.kafka.topic_ids import topic_ids
from infra.runtime.role import RoleContext
from infra.security.keyring import create_keyring
from infra.services.stack import Stack
from infra.settings.model import KafkaSettings, PostgresSettings, Settings
from tests.support.database import fresh_database
from tests.support.log_records import change, events
from tests.support.running_sinks import ask, put
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack


@pytest.fixture
def settings(services: Stack, topics: None, tmp_path: Path) -> Iterator[Settings]:
    create_keyring(tmp_path / "keyring.json")
    with fresh_database(services.postgres) as url:
        begin_at_the_end(url, services.kafka)
        yield Settings(
            data_dir=tmp_path, kafka=KafkaSettings(bootstrap=services.kafka), postgres=PostgresSettings(url=SecretStr(url))
        )


def begin_at_the_end(url: str, kafka: str) -> None:
    """Other tests wrote what this keyring cannot open; too much of that in a row ends a sink."""
    ends = end_offsets(kafka)
    ids = topic_ids(kafka, sorted({topic for topic, _ in ends}))
    with psycopg.connect(url) as connection:
        for (topic, partition), end in ends.items():
            connection.execute(
                "INSERT INTO sink_offsets (topic, topic_id, partition, next) VALUES (%s, %s, %s, %s)",
                (topic, ids[topic], partition, end),
            )


def is_seen(url: str, chunk: str) -> bool:
    return ask(url, f"SELECT count(*) FROM chunks WHERE chunk = '{chunk}'") == [(1,)]


async def test_ready_quick_and_gone(settings: Settings, services: Stack) -> None:
    ready, stop = asyncio.Event(), asyncio.Event()
    context = RoleContext(settings=settings, name="sinks", pool=None, instance="sinks-0", stop=stop, ready=ready.set)
    running = asyncio.create_task(sinks.run(context))
    await asyncio.wait_for(ready.wait(), 60)
    assert settings.postgres.url is not None
    url = settings.postgres.url.get_secret_value()
    took = []
    for number in range(5):
        before = time.monotonic()
        event = events(change("sent"), chunk=f"chk_role_{number}", lane="otp")
        await asyncio.to_thread(put, services.kafka, "message-events-otp", [event])
        await asyncio.to_thread(wait_for, partial(is_seen, url, f"chk_role_{number}"))
        took.append(time.monotonic() - before)
    assert min(took) < 0.8, took
    stop.set()
    await asyncio.wait_for(running, 12)  # five seconds, on a machine of half the speed that stands still for two of them


async def test_settings_without_a_database_are_refused() -> None:
    context = RoleContext(
        settings=Settings(), name="sinks", pool=None, instance="sinks-0", stop=asyncio.Event(), ready=lambda: None
    )
    with pytest.raises(ValueError, match="SLUICE_POSTGRES__URL"):
        await sinks.run(context)
