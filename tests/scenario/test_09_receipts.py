"""9. Subscribe to delivery receipts with any Kafka client and any Avro library.

The topic `delivery-receipts` has one record per final or carrier-reported state of a message: a CloudEvent, its attributes
in `ce_*` headers, its data in Avro with the Confluent wire format. The gateway serves the schemas under /registry.
"""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import avro.io
import avro.schema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from tests.support.gateway_client import GatewayClient
from tests.support.ledger import recipients
from tests.support.running import Running, until
from tests.support.topic_reader import TopicRecord, read_topic

pytestmark = pytest.mark.stack


def with_foreign_library(value: bytes, registry: GatewayClient) -> dict[str, Any]:
    """The data as a subscriber decodes it: one byte 0, the schema's id, Avro."""
    magic, schema_id = struct.unpack(">BI", value[:5])
    assert magic == 0
    schema = avro.schema.parse(registry.get(f"/registry/schemas/ids/{schema_id}").body["schema"])
    data = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(io.BytesIO(value[5:])))
    assert isinstance(data, dict)
    return data


def receipts_of(stack: Running, campaign: str) -> list[TopicRecord]:
    prefix = campaign.replace("cmp_", "msg_").encode()
    return [
        record
        for record in read_topic(stack.line["kafka"], "delivery-receipts")
        if record.key is not None and record.key.startswith(prefix)
    ]


def test_a_subscriber_reads_receipts_with_the_registry_alone(stack: Running) -> None:
    campaign = stack.api.post(
        "/v1/campaigns",
        {
            "name": "Receipts",
            "from": "Shop",
            "body": "Hi",
            "recipients": [{"to": stack.german(1)[0], "client_ref": "order-9"}],
        },
    ).id
    (record,) = until(lambda: receipts_of(stack, campaign), 30)

    receipt = with_foreign_library(record.value, stack.api_of(None))

    (message,) = until(lambda: stack.api.messages(campaign), 30)
    assert record.key == message["id"].encode()
    assert {
        name: receipt[name]
        for name in (
            "message_id",
            "campaign_id",
            "client_ref",
            "channel",
            "carrier",
            "status",
            "reason",
            "segments",
            "price",
        )
    } == {
        "message_id": message["id"],
        "campaign_id": campaign,
        "client_ref": "order-9",
        "channel": "sms",
        "carrier": "steady",
        "status": "delivered",
        "reason": None,
        "segments": 1,
        "price": "0.0100",
    }
    assert receipt["occurred_at"] <= receipt["recorded_at"]
    assert "Hi" not in record.value.decode("latin-1").split(), "no text of the message"


def test_a_receipt_is_a_cloud_event(stack: Running) -> None:
    campaign = stack.api.post(
        "/v1/campaigns", {"name": "Events", "from": "Shop", "body": "Hi", "recipients": recipients(stack.german(1))}
    ).id
    (record,) = until(lambda: receipts_of(stack, campaign), 30)
    headers = {name: value.encode() for name, value in record.headers.items()}

    event = from_binary_event(KafkaMessage(headers=headers, key=record.key, value=record.value))

    receipt = with_foreign_library(record.value, stack.api_of(None))
    assert (event.get_specversion(), event.get_source()) == ("1.0", "/sluice")
    assert event.get_type() == "sluice.delivery-receipt.v1"
    assert event.get_id() == f"{receipt['message_id']}/{receipt['sequence']}"
    assert (event.get_subject(), event.get_extension("tenantid")) == (receipt["message_id"], receipt["tenant_id"])
    assert event.get_datacontenttype() == record.headers["content-type"] == "application/avro"
    assert event.get_data() == record.value


def test_the_registry_lists_every_topic(stack: Running) -> None:
    registry = stack.api_of(None)

    subjects = registry.get("/registry/subjects").body

    assert {"delivery-receipts-value", "ingest-otp-value", "held-Held", "attempts-otp-Settled"} <= set(subjects)
    for subject in subjects:
        latest = registry.get(f"/registry/subjects/{subject}/versions/latest").body
        assert json.loads(latest["schema"])["type"] == "record"
