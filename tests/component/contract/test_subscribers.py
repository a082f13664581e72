"""Any Kafka client reads a public topic: what our roles write there, few or many, comes out the same everywhere."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import avro.io
import avro.schema
import msgspec
import pytest
from confluent_kafka.cimpl import NewTopic

from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.client import make_admin
from infra.kafka.outbox import Outbox
from infra.kafka.records import ProducerRecord
from infra.kafka.topic_admin import wanted_settings
from infra.services.stack import Stack
from schemas.records.codec import encode, schema_text
from schemas.records.examples import examples
from schemas.records.kafka_format import record_body
from schemas.records.topics import DELIVERY_RECEIPTS, topic
from schemas.records.wire import DeliveryReceipt
from tests.support.subscribers.clients import CLIENTS

pytestmark = pytest.mark.stack
RECEIPT = next(example for example in examples() if isinstance(example, DeliveryReceipt))
FEW = 3
COUNT = FEW + 300


def receipt(number: int) -> DeliveryReceipt:
    return msgspec.structs.replace(RECEIPT, message_id=f"msg_{number:026d}", client_ref=f"Bestellung „{number}“")


@pytest.fixture(scope="module")
def written(services: Stack) -> Iterator[str]:
    """A topic with the settings of `delivery-receipts`, and receipts that took both ways out."""
    name = f"receipts-{uuid4().hex}"
    admin = make_admin(services.kafka)
    admin.create_topics([NewTopic(name, 1, 1, config=wanted_settings(topic(DELIVERY_RECEIPTS), 1))])[name].result(30)
    asyncio.run(write(services.kafka, name))
    yield name
    admin.delete_topics([name])[name].result(30)


async def write(kafka: str, name: str) -> None:
    outputs = [
        ProducerRecord(name, one.message_id.encode(), encode(one), [("ce_id", b"id"), ("ce_type", b"t")])
        for one in map(receipt, range(COUNT))
    ]
    few = Outbox(kafka, "few")
    many = BatchOutbox(kafka, "many")
    await few.send_all(outputs[:FEW])
    events = [(one.key or b"", one.value or b"", one.headers) for one in outputs[FEW:]]
    await many.send_all(name, [([key for key, _, _ in events], [record_body(*event) for event in events])])
    await many.close()
    await few.close()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_of_others_reads_every_field(client: str, services: Stack, written: str) -> None:
    records = CLIENTS[client](services.kafka, written, COUNT)

    assert [record.key for record in records] == [receipt(number).message_id for number in range(COUNT)]
    assert {tuple(record.headers.items()) for record in records} == {(("ce_id", "id"), ("ce_type", "t"))}
    for number in (0, FEW, COUNT - 1):
        fields = with_foreign_library(records[number].value)
        expected = receipt(number)
        assert {name: fields[name] for name in ("message_id", "client_ref", "status", "price", "sequence")} == {
            "message_id": expected.message_id,
            "client_ref": expected.client_ref,
            "status": expected.status,
            "price": expected.price,
            "sequence": expected.sequence,
        }


def with_foreign_library(value: bytes) -> dict[str, Any]:
    """One byte 0, the schema's id, Avro."""
    _, schema_id = struct.unpack(">BI", value[:5])
    reader = avro.io.DatumReader(avro.schema.parse(schema_text(schema_id)))
    fields = reader.read(avro.io.BinaryDecoder(io.BytesIO(value[5:])))
    assert isinstance(fields, dict)
    return fields
