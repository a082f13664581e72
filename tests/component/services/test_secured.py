"""PostgreSQL and Redis behind TLS, with certificates and an ACL user: every client of ours gets in, others are told why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import redis
from pydantic import SecretStr

from infra.postgres.admin_store import server_version
from infra.postgres.migrate import status
from infra.postgres.pool import open_pool, scalar_row, transaction
from infra.postgres.session import Session
from infra.postgres.wake_ups import WakeUps
from infra.redis.client import Redis, load_script
from infra.redis.releaser_board import ReleaserBoard, listen
from infra.runtime.refusal import Refusal
from infra.services.stack import Stack
from infra.settings.model import PostgresSettings, RedisSettings, Settings
from infra.supervisor.service_answers import ask_postgres, ask_redis, check_given
from tests.support.certificates import Authority, Pair
from tests.support.tls_front import tls_front
from tests.support.waiting import until

pytestmark = pytest.mark.stack
USER, WORD = "tester", "a word / of its own"
RIGHTS = ("resetkeys", "~*", "resetchannels", "&sluice:*", "+@all", "-@admin", "-@dangerous")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="module")
def client(authority: Authority) -> Pair:
    return authority.pair("client")


@pytest.fixture(scope="module")
def postgres(services: Stack, authority: Authority, client: Pair) -> Iterator[str]:
    """A URL that verifies the server and shows a certificate."""
    parts = urlsplit(services.postgres)
    with tls_front(parts.port or 0, authority.pair("postgres"), asked=True, clients=authority) as port:
        place = f"{parts.scheme}://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}"
        yield (f"{place}?sslmode=verify-full&sslrootcert={authority.file}&sslcert={client.certificate}&sslkey={client.key}")


@pytest.fixture(scope="module")
def secured_redis(services: Stack, authority: Authority) -> Iterator[str]:
    """A URL of an ACL user over TLS."""
    with redis.Redis.from_url(services.redis) as operator:
        operator.execute_command("ACL", "SETUSER", USER, "on", f">{WORD}", *RIGHTS)
        with tls_front(urlsplit(services.redis).port or 0, authority.pair("redis")) as port:
            yield f"rediss://{USER}:{quote(WORD, safe='')}@127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"
        operator.execute_command("ACL", "DELUSER", USER)


async def test_every_way_to_postgres(postgres: str) -> None:
    assert server_version(postgres)
    assert status(postgres).pending or status(postgres).applied
    session = Session(postgres)
    with session.transaction() as writer:
        assert writer.rows("SELECT 1") == [(1,)]
    session.close()
    pool = await open_pool(postgres, size=1)
    woken = asyncio.Event()
    listening = asyncio.create_task(WakeUps(postgres, "secured", woken.set).listen())
    try:
        async with transaction(pool) as connection, connection.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute("SELECT 2")
            assert await cursor.fetchone() == 2
        await asyncio.wait_for(woken.wait(), 30)  # it listens
        woken.clear()
        async with transaction(pool) as connection:
            await connection.execute("NOTIFY secured")
        await asyncio.wait_for(woken.wait(), 30)
    finally:
        listening.cancel()
        await pool.close()
    assert ask_postgres(_at(postgres=postgres)).startswith("PostgreSQL ")


@pytest.mark.usefixtures("patient_redis")
async def test_every_way_to_redis(secured_redis: str) -> None:
    client = Redis(secured_redis)
    woken = asyncio.Event()
    listening = asyncio.create_task(listen(secured_redis, woken.set))
    try:
        assert await client.command("PING")
        script = load_script("infra.redis", "capacity_remove")
        assert script.sha.encode() == await client.command("SCRIPT", "LOAD", script.text)
        await until(woken.is_set)
        woken.clear()
        await ReleaserBoard(client).call()
        await until(woken.is_set)
    finally:
        listening.cancel()
        await client.close()
    assert woken.is_set()
    assert await asyncio.to_thread(ask_redis, _at(redis=secured_redis)) == "answers"


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        (("authority.pem", "stranger.pem"), "sslrootcert"),
        (("authority.pem", "nowhere.pem"), "sslrootcert"),
        (("://postgres:", "://postgres:x"), "user, password"),
        (("client.key.pem", "nowhere.key.pem"), "sslkey"),
    ],
)
def test_postgres_that_refuses_is_told_with_the_way_out(
    postgres: str, authority: Authority, change: tuple[str, str], mend: str
) -> None:
    Authority(authority.file.parent, "stranger")
    settings = _at(postgres=postgres.replace(*change))
    with pytest.raises(Refusal) as fault:
        check_given(settings)
    assert mend in fault.value.next_step, (fault.value.problem, fault.value.next_step)


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        (("authority.pem", "stranger.pem"), "ssl_ca_certs"),
        ((f"{USER}:", f"{USER}:x"), "ACL LIST"),
        ((f"{USER}:", "nobody:"), "ACL LIST"),
    ],
)
@pytest.mark.usefixtures("patient_redis")
def test_redis_that_refuses_is_told_with_the_way_out(
    secured_redis: str, authority: Authority, change: tuple[str, str], mend: str
) -> None:
    Authority(authority.file.parent, "stranger")
    with pytest.raises(Refusal) as fault:
        check_given(_at(redis=secured_redis.replace(*change)))
    assert mend in fault.value.next_step, (fault.value.problem, fault.value.next_step)
    assert quote(WORD, safe="") not in str(fault.value) and WORD not in str(fault.value)


def test_tls_asked_of_a_redis_without_is_told(services: Stack) -> None:
    with pytest.raises(Refusal) as fault:
        ask_redis(_at(redis=services.redis.replace("redis://", "rediss://")))
    assert "has no TLS" in fault.value.next_step, (fault.value.problem, fault.value.next_step)


def test_tls_asked_of_a_postgres_without_is_told(services: Stack) -> None:
    with pytest.raises(Refusal) as fault:
        check_given(_at(postgres=f"{services.postgres}?sslmode=require"))
    assert "switch TLS on" in fault.value.next_step, (fault.value.problem, fault.value.next_step)


def test_who_is_away_is_no_refusal(tmp_path: Path) -> None:
    settings = _at(postgres="postgresql://u:p@127.0.0.1:1/d", redis="redis://127.0.0.1:1/0")
    check_given(settings)
    with pytest.raises(Refusal) as fault:
        ask_redis(settings)
    assert "sluice up" in fault.value.next_step


def _at(postgres: str | None = None, redis: str | None = None) -> Settings:
    return Settings(
        postgres=PostgresSettings(url=None if postgres is None else SecretStr(postgres)),
        redis=RedisSettings(url=None if redis is None else SecretStr(redis)),
    )
