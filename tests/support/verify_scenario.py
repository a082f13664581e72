"""Stories of one campaign each, told as the roles would write them.

In: a Kafka, a database and running sinks. Out: records and rows, and what `verify` says of them. Every scenario has a tenant
and a campaign of its own, so that they do not mind each other.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from infra.kafka import topic_admin
from infra.kafka.log_reader import end_offsets
from infra.kafka.records import ProducerRecord
from infra.settings.model import KafkaSettings, PostgresSettings, Settings
from infra.verify.verify import VerifyReport, verify
from schemas.records import topics
from schemas.records.codec import encode
from schemas.records.wire import DeliveryReceipt, Record
from tests.support.database import add_tenant
from tests.support.log_records import NOW, an_envelope, change, events, settled, started, usage

HALF, REST = 0b0000011111, 0b1111100000
ROW = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, grouping, digest, answer, "
    "created_at) VALUES (%s, %s, 'n', 's', 'b', 'marketing', 1, 'running', 0, '', '{}', 0)"
)
PART = (
    "INSERT INTO campaign_parts (tenant, campaign, part, chunks, recipients, rejected_count, rejected, digest, at) "
    "VALUES (%s, %s, 0, 1, %s, 0, '[]', '', 0)"
)
RESERVED = (
    "INSERT INTO reservations (tenant, campaign, chunk, round, price, positions, segments, amount, at) "
    "VALUES (%s, %s, %s, 0, 700, %s, %s, 7000, 0)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEnv:
    """Where this module's pipeline lives."""

    kafka: str
    postgres: str

    def put(self, topic: str, *records: Record, headers: Any = None) -> None:
        producer = Producer({"bootstrap.servers": self.kafka, "acks": "all"})
        for record in records:
            producer.produce(topic, encode(record), key=b"k", partition=0, headers=headers)
        assert producer.flush(30) == 0

    def put_raw(self, outputs: Sequence[ProducerRecord]) -> None:
        """What a stage wrote."""
        producer = Producer({"bootstrap.servers": self.kafka, "acks": "all"})
        for output in outputs:
            producer.produce(output.topic, output.value, key=output.key, partition=0, headers=list(output.headers))
        assert producer.flush(30) == 0

    def ask(self, statement: Any, *parameters: Any) -> list[Any]:
        """The rows of a statement."""
        with psycopg.connect(self.postgres) as connection:
            return connection.execute(statement, parameters).fetchall()

    def execute(self, statement: Any, *parameters: Any) -> None:
        with psycopg.connect(self.postgres) as connection:
            connection.execute(statement, parameters)

    def check(self, **asked: Any) -> VerifyReport:
        """The report once stages have read everything, as if they had."""
        ends = end_offsets(self.kafka, [row.name for row in topics.TOPICS])
        admin = AdminClient({"bootstrap.servers": self.kafka})
        for group, names in topic_admin.GROUPS.items():
            places = [TopicPartition(t, p, end) for (t, p), end in ends.items() if t in names]
            admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])[group].result(30)
        return verify(
            Settings(kafka=KafkaSettings(bootstrap=self.kafka), postgres=PostgresSettings(url=SecretStr(self.postgres))),
            **{"wait": 60, **asked},
        )


class VerifyScenario:
    """One campaign of one chunk of ten messages, told step by step."""

    def __init__(self, env: VerifyEnv, *, recipients: int = 10) -> None:
        root = "0" + secrets.token_hex(13).upper()[:25]
        self.env = env
        self.tenant = str(uuid.uuid4())
        self.campaign, self.chunk = f"cmp_{root}", f"chk_{root}_0_0"
        self.of: dict[str, Any] = {"tenant": self.tenant, "campaign": self.campaign, "chunk": self.chunk}
        add_tenant(env.postgres, self.tenant, reserved=7000)
        env.execute(ROW, self.tenant, self.campaign)
        env.execute(PART, self.tenant, self.campaign, recipients)
        env.execute(RESERVED, self.tenant, self.campaign, self.chunk, b"\xff\x03", bytes([1]) * 10)

    def accepted(self) -> VerifyScenario:
        self.env.put("ingest-marketing", an_envelope(**self.of), headers=[("x-from", b"gateway")])
        return self

    def event(self, *changes: Any, **given: Any) -> VerifyScenario:
        self.env.put("message-events-marketing", events(*changes, **{**self.of, **given}))
        return self

    def calls(self, *records: Record) -> VerifyScenario:
        self.env.put("attempts-marketing", *records)
        return self

    def sent(self) -> VerifyScenario:
        self.event(change("queued"), change("sending"), change("sent"))
        self.calls(started(**self.of), settled({"sent": 0b1111111111}, **self.of))
        self.env.put("usage", usage(charged=0b1111111111, **self.of))
        return self

    def told(self, status: str, sequence: int, *indexes: int) -> VerifyScenario:
        """Public events of these messages."""
        for index in indexes:
            self.env.put(
                "delivery-receipts",
                DeliveryReceipt(
                    message_id=f"msg_{self.campaign[4:]}_0_{index}",
                    campaign_id=self.campaign,
                    tenant_id=self.tenant,
                    client_ref=None,
                    to_hash="x",
                    channel="sms",
                    carrier="acme",
                    status=status,
                    reason=None,
                    carrier_code=None,
                    carrier_message_id="1",
                    segments=1,
                    price="0.0700",
                    attempt=1,
                    occurred_at=NOW,
                    carrier_at=None,
                    carrier_time=None,
                    recorded_at=NOW,
                    sequence=sequence,
                ),
            )
        return self

    def messages(self, positions: int) -> set[str]:
        root = f"msg_{self.campaign[4:]}_0_"
        return {f"{root}{p}" for p in range(10) if positions >> p & 1}


def found(report: VerifyReport, kind: str) -> set[str]:
    return {id_ for v in report.violations if v.kind == kind for id_ in v.ids}
