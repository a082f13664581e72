"""The whole role on the real services: a message's way through all stages, kills on the way, accounts that are away."""

from __future__ import annotations

import subprocess
import sys
import uuid
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from confluent_kafka import Producer

from infra.kafka.client import KafkaException, TopicPartition, make_consumer
from infra.kafka.offsets import end_offsets
from infra.security.keyring import create_keyring, load_keyring
from infra.security.sealing import Sealer
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.slice import Columns, Slice
from schemas.records.wire import CampaignCommand, DeliveryReceipt, Envelope, Held, MessageEvents, Record
from schemas.values.ids import campaign_id, chunk_id, fresh_id
from schemas.values.lanes import Pool
from schemas.values.positions import everyone
from streams.pipeline import topics_of
from streams.role import now_ms
from tests.support.streams.fakes import TENANT, numbers
from tests.support.streams.records import block_of, receipts
from tests.support.topic_reader import records_of
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

SECONDS = 60.0


def pass_over_what_others_wrote(kafka: str) -> None:
    """Tests share the broker: the stages begin behind the chunks and the poison of other tests, which are not sealed with
    our keys. A member that has just ended still counts for its session, so the commit may be refused at first."""
    for pool in Pool:
        ends = end_offsets(kafka, topics=[topic for topic, _ in topics_of(pool)])
        consumer = make_consumer(kafka, f"sluice-streams-{pool}")
        wait_for(partial(_is_committed, consumer, [TopicPartition(*key, end) for key, end in ends.items()]), SECONDS)
        consumer.close()


def _is_committed(consumer: Any, offsets: list[TopicPartition]) -> bool:
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException:
        return False
    return True


class StreamsEnv:
    """A database with a carrier and a route, a keyring, and role processes on them."""

    def __init__(self, services: Stack, database: str, folder: Path) -> None:
        self.services = services
        self.database = database
        self.folder = folder
        self.children: list[subprocess.Popen[bytes]] = []
        self.producer = Producer({"bootstrap.servers": services.kafka, "partitioner": "murmur2_random"})
        create_keyring(folder / "keyring.json")
        self.sealer = Sealer(load_keyring(folder / "keyring.json"))
        self.campaign = campaign_id(fresh_id(now_ms(), uuid.uuid4().bytes[:10]))
        pass_over_what_others_wrote(services.kafka)
        with psycopg.connect(database) as connection:
            connection.execute(
                "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds,"
                " partition) VALUES (%s, 1, 'simulator', 10000, 10, 2, 60, 3)",
                (self.carrier,),
            )
            connection.execute("INSERT INTO routes VALUES ('', %s, 10)", ([self.carrier],))
            connection.execute("UPDATE balances SET balance = 1000000000, credited = 1000000000")

    @property
    def carrier(self) -> str:
        return f"c-{self.campaign[-8:].lower()}"

    def start(self, pool: str) -> subprocess.Popen[bytes]:
        mark = self.folder / "run" / f"streams-{pool}.json"
        mark.unlink(missing_ok=True)
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.streams.role_child",
                self.services.kafka,
                self.database,
                self.services.redis,
                str(self.folder),
                pool,
            ],
            stderr=(self.folder / "stderr").open("ab"),
        )
        self.children.append(child)
        wait_for(lambda: mark.exists() or child.poll() is not None, SECONDS)
        assert child.poll() is None, (self.folder / "stderr").read_text()[-3000:]
        return child

    def slice(self, number: int, count: int, lane: str, *, single: bool = False) -> Slice:
        chunk = f"msg_{uuid.uuid4().hex[:26].upper()}" if single else chunk_id(self.campaign, 0, number)
        campaign = None if single else self.campaign
        key_id, sealed = self.sealer.seal(
            Columns(to=array("Q", numbers(count)).tobytes()), tenant=TENANT, campaign=campaign, chunk=chunk
        )
        now = now_ms()
        return Slice(
            tenant=TENANT,
            campaign=campaign,
            chunk=chunk,
            part=0,
            size=count,
            lane=lane,
            send=1,
            positions=everyone(count),
            version=1 if campaign else 0,
            sender="Sluice",
            body="hello",
            accepted_at=now,
            due_at=now,
            expires_at=now + 3_600_000,
            indexes=array("I", range(number * 500, number * 500 + count)).tobytes(),
            key_id=key_id,
            sealed=sealed,
        )

    def send(self, topic: str, key: str, record: Record, partition: int = -1) -> None:
        self.producer.produce(topic, value=encode(record), key=key.encode(), partition=partition)

    def command(self) -> None:
        self.send(
            "campaign-commands",
            self.campaign,
            CampaignCommand(
                tenant=TENANT, campaign=self.campaign, version=1, status="running", lane="marketing", parts=[0], at=1
            ),
        )
        assert self.producer.flush(30) == 0

    def dispatched(self, lane: str) -> list[Slice]:
        return [
            s
            for r in records_of(self.services.kafka, f"dispatch-{lane}", Envelope)
            for s in r.slices
            if s.carrier == self.carrier
        ]

    def events(self, chunk: str) -> dict[str, int]:
        out: dict[str, int] = {}
        for event in records_of(self.services.kafka, "message-events-marketing", MessageEvents):
            for change in event.changes if event.chunk == chunk else []:
                out[change.status] = out.get(change.status, 0) | change.positions
        return out

    def public(self) -> set[tuple[str, str]]:
        return {
            (r.message_id, r.status)
            for r in records_of(self.services.kafka, "delivery-receipts", DeliveryReceipt)
            if r.campaign_id == self.campaign
        }

    def end(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait(30)


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
