"""The role `streams` on the real services: a database with a carrier and a route, a keyring, and processes on them.

In: the shared services, a database of the test's own, a folder. Out: `StreamsEnv`: starts the role, makes and sends chunks,
reads what came out. Wrong: a role that does not become ready fails the test with the end of what it said.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from array import array
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer

from infra.kafka.client import KafkaException, TopicPartition, make_consumer
from infra.kafka.offsets import end_offsets
from infra.security.keyring import create_keyring, load_keyring
from infra.security.sealing import Sealer
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.slice import Columns, Slice
from schemas.records.wire import CampaignCommand, DeliveryReceipt, Envelope, MessageEvents, Record
from schemas.values.ids import campaign_id, chunk_id, fresh_id
from schemas.values.lanes import Pool
from schemas.values.positions import everyone
from streams.pipeline import topics_of
from streams.role import now_ms
from tests.support.streams.fakes import TENANT, numbers
from tests.support.topic_reader import records_of
from tests.support.waiting import wait_for

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
