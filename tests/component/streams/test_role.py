"""The whole role on the real services: a message's way through all stages, kills on the way, accounts that are away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest

from infra.services.stack import Stack
from schemas.records.slice import Columns
from schemas.records.wire import Envelope, Held
from schemas.values.positions import everyone
from tests.support.streams.fakes import TENANT
from tests.support.streams.records import block_of, receipts
from tests.support.streams.role_env import SECONDS, StreamsEnv
from tests.support.topic_reader import records_of
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack


@pytest.fixture
def env(services: Stack, topics: None, database: str, tmp_path: Path) -> Iterator[StreamsEnv]:
    made = StreamsEnv(services, database, tmp_path)
    yield made
    made.end()


def test_a_chunk_goes_all_the_way(env: StreamsEnv) -> None:
    env.command()
    env.start("bulk")
    chunk = env.slice(0, 20, "marketing")
    env.send("ingest-marketing", env.campaign, Envelope(slices=[chunk]))
    block = msgspec.structs.replace(
        block_of(["sent"] * 19 + ["failed"]), carrier=env.carrier, campaign=env.campaign, chunk=chunk.chunk, epoch=10**9
    )
    env.send("attempts-marketing", "3", block, 3)
    key_id, _ = env.sealer.seal(Columns(to=b""), tenant=TENANT, campaign=env.campaign, chunk=chunk.chunk)
    receipt = msgspec.structs.replace(
        receipts(["DELIVRD"] * 18 + ["UNDELIV"]),
        carrier=env.carrier,
        campaign=env.campaign,
        chunk=chunk.chunk,
        key_id=key_id,
    )
    env.send("carrier-receipts", env.carrier, receipt)
    assert env.producer.flush(30) == 0
    expected = {
        "queued": everyone(20),
        "sent": everyone(19),
        "failed": 1 << 19,
        "delivered": everyone(18),
        "undelivered": 1 << 18,
    }
    wait_for(lambda: env.events(chunk.chunk) == expected, SECONDS)
    [going] = env.dispatched("marketing")
    assert (going.chunk, going.positions, going.price) == (chunk.chunk, everyone(20), 10)
    assert len(env.public()) == 20
    with psycopg.connect(env.database) as connection:
        row = connection.execute("SELECT reserved FROM balances").fetchone()
    assert row == (200,)


def test_kills_on_the_way_lose_nothing(env: StreamsEnv) -> None:
    env.command()
    chunks = {env.slice(n, 3, "marketing").chunk for n in range(200)}
    child = env.start("bulk")
    for begin in range(0, 200, 100):
        for n in range(begin, begin + 100):
            env.send("ingest-marketing", env.campaign, Envelope(slices=[env.slice(n, 3, "marketing")]))
        assert env.producer.flush(30) == 0
        child.kill()
        child.wait(30)
        child = env.start("bulk")

    def arrived() -> set[str]:
        rows = records_of(env.services.kafka, "held", Held)
        held = {row.slice.chunk for row in rows if row.slice.campaign == env.campaign}
        return {s.chunk for s in env.dispatched("marketing")} | held

    wait_for(lambda: arrived() == chunks, SECONDS)
    with psycopg.connect(env.database) as connection:
        row = connection.execute("SELECT reserved FROM balances").fetchone()
    assert row == (200 * 3 * 10,)


def test_codes_go_on_while_the_accounts_do_not_answer(env: StreamsEnv) -> None:
    env.start("otp")

    def send(lane: str) -> Callable[[], bool]:
        single = env.slice(0, 1, lane, single=True)
        env.send(f"ingest-{lane}", single.chunk, Envelope(slices=[single]))
        assert env.producer.flush(30) == 0
        return lambda: single.chunk in {s.chunk for s in env.dispatched(lane)}

    wait_for(send("otp"), SECONDS)
    with psycopg.connect(env.database) as connection:
        connection.execute("LOCK TABLE balances IN ACCESS EXCLUSIVE MODE")
        waiting = send("transactional")
        for _ in range(3):
            wait_for(send("otp"), SECONDS)
        assert not waiting()
    wait_for(waiting, SECONDS)


def test_a_stop_is_an_exit_with_0(env: StreamsEnv) -> None:
    child = env.start("otp")
    child.terminate()
    assert child.wait(30) == 0
