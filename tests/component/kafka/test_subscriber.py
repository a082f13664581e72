"""The example subscriber as people run it: a process of its own, a registry over HTTP, a real Kafka."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewTopic

from infra.kafka.client import make_admin, make_consumer, make_producer
from infra.services.stack import Stack
from schemas.records.codec import encode, schema_text
from schemas.records.examples import examples
from schemas.records.receipt_encoder import Shared
from schemas.records.wire import DeliveryReceipt
from schemas.values.status import Status, sequence
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack
PROGRAM = Path(__file__).parents[3] / "examples" / "subscriber" / "subscriber.py"
DELIVERED = next(example for example in examples() if isinstance(example, DeliveryReceipt))


class RegistryStub(BaseHTTPRequestHandler):
    """Answers as the gateway does under `/registry`, for GET /registry/schemas/ids/{id}."""

    def do_GET(self) -> None:
        folder, _, number = self.path.rpartition("/")
        if folder != "/registry/schemas/ids":
            self.send_error(404)
            return
        body = json.dumps({"schema": schema_text(int(number))}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: the test's output is enough."""


@pytest.fixture
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RegistryStub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/registry"
    server.shutdown()
    thread.join()
    server.server_close()


class Subscriber:
    """One run of the program; its lines as they come."""

    def __init__(self, kafka: str, registry: str, topic: str, folder: Path, *more: str) -> None:
        self._out = folder / f"{uuid4().hex}.jsonl"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(PROGRAM),
                    "--kafka",
                    kafka,
                    "--registry",
                    registry,
                    "--topic",
                    topic,
                    "--group",
                    topic,
                    *more,
                ],
                stdout=out,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": ""},
            )

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        _, told = self.process.communicate(timeout=60)
        return self.process.returncode, told.decode()


Subscribe = Callable[..., Subscriber]


@pytest.fixture
def subscribe(services: Stack, tmp_path: Path) -> Iterator[Subscribe]:
    """Runs of the program on a topic; whatever a test leaves of them ends with it."""
    runs: list[Subscriber] = []

    def begin(registry: str, topic: str, *more: str) -> Subscriber:
        runs.append(Subscriber(services.kafka, registry, topic, tmp_path, *more))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate(timeout=60)


def put(kafka: str, topic: str, *events: DeliveryReceipt | bytes | None) -> None:
    producer = make_producer(kafka, "writer")
    for event in events:
        if isinstance(event, DeliveryReceipt):
            shared = Shared(
                tenant=event.tenant_id,
                campaign=None,
                carrier=None,
                status=event.status,
                reason=None,
                price=None,
                attempt=1,
                recorded_at=0,
                sequence=event.sequence,
            )
            [(_, _, headers)] = shared.records([event.message_id.encode()], hashes=b"", times=[event.occurred_at])
            producer.produce(
                topic, key=event.message_id, value=encode(event), headers=dict[str, str | bytes | None](headers)
            )
        else:
            producer.produce(topic, value=event)
    assert producer.flush(30) == 0


def is_committed(kafka: str, topic: str, offset: int) -> bool:
    consumer = make_consumer(kafka, topic)
    try:
        return consumer.committed([TopicPartition(topic, 0)], timeout=30)[0].offset == offset
    finally:
        consumer.close()


def test_it_prints_each_event_once_marks_the_newest_and_goes_on_where_it_was(
    services: Stack, registry: str, subscribe: Subscribe
) -> None:
    topic = f"receipts-{uuid4().hex}"
    admin = make_admin(services.kafka)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    failed = msgspec.structs.replace(DELIVERED, status=Status.FAILED, sequence=sequence(1, Status.FAILED))
    again = msgspec.structs.replace(DELIVERED, recorded_at=DELIVERED.recorded_at + 5000)
    other = msgspec.structs.replace(DELIVERED, message_id=DELIVERED.message_id + "1", client_ref=None)
    put(services.kafka, topic, DELIVERED, failed, again, b"poison", None, encode(DELIVERED)[:9], other)

    first = subscribe(registry, topic)
    wait_for(lambda: len(first.lines()) == 3, 30)
    wait_for(lambda: is_committed(services.kafka, topic, 7))
    code, told = first.stop()
    assert code == 0
    assert told.count("passed over") == 3
    assert [(line["message_id"], line["status"], line["newest"]) for line in first.lines()] == [
        (DELIVERED.message_id, "delivered", True),
        (DELIVERED.message_id, "failed", False),
        (other.message_id, "delivered", True),
    ]
    assert first.lines()[0]["ce_id"] == f"{DELIVERED.message_id}/{DELIVERED.sequence}"
    assert set(first.lines()[0]) == {*DELIVERED.__struct_fields__, "ce_id", "newest"}
    assert first.lines()[0]["price"] == DELIVERED.price
    assert first.lines()[0]["occurred_at"] == "2026-11-17T12:00:04+00:00"

    put(services.kafka, topic, failed)
    second = subscribe(registry, topic)
    wait_for(lambda: len(second.lines()) == 1, 30)
    assert second.stop()[0] == 0
    assert second.lines()[0]["status"] == "failed"


def test_it_ends_after_so_many_lines_and_commits_no_more(services: Stack, registry: str, subscribe: Subscribe) -> None:
    topic = f"receipts-{uuid4().hex}"
    admin = make_admin(services.kafka)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    events = [msgspec.structs.replace(DELIVERED, message_id=f"{DELIVERED.message_id}{n}") for n in range(5)]
    put(services.kafka, topic, events[0], events[0], b"poison", *events[1:])
    seen = []
    for count in (2, 3):
        program = subscribe(registry, topic, "--max", str(count))
        assert program.process.wait(60) == 0
        seen.append([line["message_id"] for line in program.lines()])
    assert seen == [[event.message_id for event in events[:2]], [event.message_id for event in events[2:]]]


def test_a_registry_that_does_not_answer_ends_it_with_nothing_committed(services: Stack, subscribe: Subscribe) -> None:
    topic = f"receipts-{uuid4().hex}"
    admin = make_admin(services.kafka)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    put(services.kafka, topic, DELIVERED)
    program = subscribe("http://127.0.0.1:9/registry", topic)
    assert program.process.wait(60) != 0
    assert program.lines() == []
    assert is_committed(services.kafka, topic, -1001)
