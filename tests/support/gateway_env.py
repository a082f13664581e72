"""What a gateway under test needs around it: topics, a database of its own, accounts, routes, a keyring.

In: the services of this run and a folder. Out: a `GatewayEnv`; `records_of` reads what the gateway wrote to a topic.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition
from pydantic import SecretStr

from infra.kafka import topic_admin
from infra.kafka.client import make_consumer
from infra.postgres.admin_store import open_admin_store
from infra.security.keyring import create_keyring, load_keyring
from infra.security.sealing import Sealer
from infra.services.stack import Stack
from infra.settings.carriers import CarrierSettings
from infra.settings.model import (
    KafkaSettings,
    PostgresSettings,
    RedisSettings,
    RouteSettings,
    Settings,
)
from infra.supervisor.seeding import kind_settings
from schemas.records.codec import decode
from schemas.records.slice import Slice
from schemas.records.topics import topic
from schemas.records.wire import Envelope
from tests.support.database import kept_database

BALANCE = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEnv:
    """Settings for `open_gateway`; `tenant` and `key` of the account, `other_key` of a stranger, `poor_key` of one
    without money. The account `strict_key` may use the sender Shop and the lane marketing alone."""

    settings: Settings
    postgres: str
    tenant: str
    key: str
    other_key: str
    poor_key: str
    strict_key: str

    def sealer(self) -> Sealer:
        """Opens what the gateway sealed."""
        return Sealer(load_keyring(self.settings.keyring_path))


def make_gateway_env(services: Stack, folder: Path) -> GatewayEnv:
    """Everything, from nothing."""
    _apply_topics(services.kafka)
    postgres = kept_database(services.postgres)
    settings = Settings(
        data_dir=folder,
        kafka=KafkaSettings(bootstrap=services.kafka),
        postgres=PostgresSettings(url=SecretStr(postgres)),
        redis=RedisSettings(url=SecretStr(services.redis)),
    )
    create_keyring(settings.keyring_path)
    with open_admin_store(postgres) as store:
        keyring = load_keyring(settings.keyring_path)
        for name in ("near", "far"):
            seeded = CarrierSettings(id=name, kind="simulator", rate=100)
            store.seed_carrier(seeded, kind_settings(seeded, settings.simulator), keyring)
        for prefix, carrier, price in (("+49", "near", "0.0700"), ("+1", "far", "0.0100"), ("+44", "far", "0.0200")):
            store.routes.seed(RouteSettings(prefix=prefix, carriers=[carrier], price=Decimal(price)))
        tenant, key = store.create_tenant("account", BALANCE)
        _, other_key = store.create_tenant("stranger", BALANCE)
        _, poor_key = store.create_tenant("poor", 0)
        _, strict_key = store.create_tenant("strict", BALANCE)
        store.set_tenant(
            "strict", lanes=["marketing"], senders=["Shop"], any_sender=False, balance_short=None, charge_uncertain=None
        )
    return GatewayEnv(
        settings=settings,
        postgres=postgres,
        tenant=tenant,
        key=key,
        other_key=other_key,
        poor_key=poor_key,
        strict_key=strict_key,
    )


def slices_of(bootstrap: str, name: str) -> list[tuple[Any, Slice]]:
    """Every slice on a topic by now, with the Kafka message that brought it."""
    found = []
    for message in read_all(bootstrap, name):
        record = decode(message.value())
        if isinstance(record, Envelope):
            found += [(message, slice_) for slice_ in record.slices]
    return found


def read_all(bootstrap: str, name: str) -> list[Any]:
    """Every record of a topic by now."""
    consumer = make_consumer(bootstrap, f"reader-{secrets.token_hex(4)}", None, **{"enable.partition.eof": True})
    places = [TopicPartition(name, partition, 0) for partition in range(topic(name).partitions)]
    consumer.assign(places)
    found: list[Any] = []
    ended: set[int | None] = set()
    while len(ended) < len(places):
        message = consumer.poll(30)
        assert message is not None, f"{name} cannot be read to its end"
        if message.error() is None:
            found.append(message)
        else:
            ended.add(message.partition())
    consumer.close()
    return found


def _apply_topics(bootstrap: str) -> None:
    try:
        topic_admin.apply(bootstrap, 1)
    except TimeoutError:
        # Trap: the first question about a group on a cluster that has just started may stay without an answer.
        topic_admin.apply(bootstrap, 1)
