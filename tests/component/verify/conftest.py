"""The pipeline in which the stories happen: Kafka, a database, sinks; no stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from connectors.sinks.registry import make_sinks
from infra.kafka import topic_admin
from infra.services.kafka import KafkaService
from infra.services.stack import Stack
from tests.support.database import fresh_database
from tests.support.log_records import SEALER
from tests.support.running_sinks import at_work
from tests.support.verify_scenario import World


@pytest.fixture(scope="package")
def world(services: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("verify")
    kafka = KafkaService(folder / "kafka", log=folder / "log")
    kafka.start()
    try:
        topic_admin.apply(kafka.address, 1)
        with fresh_database(services.postgres) as url, ExitStack() as crew:
            for sink in make_sinks(SEALER):
                crew.enter_context(at_work(sink, kafka.address, url, instance="verify"))
            yield World(kafka=kafka.address, postgres=url)
    finally:
        kafka.stop()
