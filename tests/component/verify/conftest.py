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
from tests.support.running_sinks import running_sink
from tests.support.verify_scenario import VerifyEnv


@pytest.fixture(scope="package")
def env(services: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VerifyEnv]:
    folder = tmp_path_factory.mktemp("verify")
    kafka = KafkaService(folder / "kafka", log=folder / "log")
    kafka.start()
    try:
        topic_admin.apply(kafka.address, 1)
        with fresh_database(services.postgres) as url, ExitStack() as sinks:
            for sink in make_sinks(SEALER):
                sinks.enter_context(running_sink(sink, kafka.address, url, instance="verify"))
            yield VerifyEnv(kafka=kafka.address, postgres=url)
    finally:
        kafka.stop()
