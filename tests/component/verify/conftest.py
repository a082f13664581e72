"""The pipeline in which the stories happen: Kafka, a database, sinks; no stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from connectors.sinks.registry import make_sinks
from infra.kafka import topic_admin
from infra.services.kafka import KafkaService
from infra.services.stack import Stack
from infra.verify.report import VerifyReport
from tests.support.database import fresh_database
from tests.support.log_records import SEALER, change, held, settled, started
from tests.support.running_sinks import running_sink
from tests.support.verify_scenario import VerifyEnv, VerifyScenario


@pytest.fixture(scope="package")
def pipeline(services: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VerifyEnv]:
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


@pytest.fixture(scope="package")
def clean_report(pipeline: VerifyEnv) -> VerifyReport:
    """What is found of everything while nothing contradicts anything yet."""
    scenario = VerifyScenario(pipeline).accepted().sent()
    scenario.event(change("delivered", 1)).told("delivered", 2**20 + 12, 0)
    waiting = VerifyScenario(pipeline).accepted().event(change("held", reason="room"))
    pipeline.put("held", held(of=waiting.of))
    unsure = VerifyScenario(pipeline).accepted().event(change("uncertain"))
    unsure.calls(started(**unsure.of), settled({"uncertain": 0b1111111111}, **unsure.of))
    return pipeline.check()


@pytest.fixture(scope="package")
def env(pipeline: VerifyEnv, clean_report: VerifyReport) -> VerifyEnv:
    """The pipeline after its clean run: contradictions planted by one test are there for whoever looks at everything."""
    return pipeline
