"""A Kafka with SASL and TLS on: every client of ours gets in, and whoever does not is told which setting to mend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.cli.probes import probe_services
from infra.kafka.batch_outbox import BatchOutbox
from infra.kafka.client import NewTopic, make_admin, make_producer
from infra.kafka.log_reader import end_offsets, read_log
from infra.kafka.offsets import committed
from infra.kafka.outbox import DeliveryError
from infra.kafka.reach import KafkaUnreachable, reach
from infra.kafka.topic_admin import GROUPS, apply, diff
from infra.runtime.refusal import Refusal
from infra.settings.kafka import KafkaSettings
from infra.settings.load import as_variables
from infra.settings.model import Settings
from infra.supervisor.service_answers import check_given
from tests.support.certificates import Authority
from tests.support.secured_kafka import PASSWORD, SecuredKafka, secured_kafka
from tests.support.streams.runner_harness import WithFaust
from tests.support.streams.toy_runner import toy_record, toy_slice

pytestmark = pytest.mark.stack
WAYS = ("PLAIN", "SCRAM-SHA-512", "OAUTHBEARER", "certificate")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as broker:
        assert any("made topic" in sentence for sentence in apply(broker.by_password("PLAIN"), 1))
        yield broker


def way_in(kafka: SecuredKafka, way: str) -> KafkaSettings:
    if way == "certificate":
        return kafka.by_certificate(kafka.client)
    return kafka.by_token() if way == "OAUTHBEARER" else kafka.by_password(way)


@pytest.mark.parametrize("way", WAYS)
async def test_every_client_gets_in(kafka: SecuredKafka, way: str) -> None:
    cluster, topic = way_in(kafka, way), f"secured-{uuid4().hex}"
    make_admin_topic(cluster, topic)
    producer = make_producer(cluster, "test")
    producer.produce(topic, b"by one client", b"key")
    assert producer.flush(30) == 0
    batches = BatchOutbox(cluster, "test-batches")
    await batches.send_all(topic, [([b"key"], [_body(b"key", b"by the other")])])
    await batches.close()
    read = [entry.value for entry in read_log(cluster, end_offsets(cluster, [topic]))]
    assert read == [b"by one client", b"by the other"]


def make_admin_topic(cluster: KafkaSettings, topic: str) -> None:
    admin = make_admin(cluster)
    for done in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        done.result(30)


def _body(key: bytes, value: bytes) -> bytes:
    from schemas.records.kafka_format import record_body

    return record_body(key, value, [])


@pytest.mark.parametrize("way", ["SCRAM-SHA-512", "OAUTHBEARER", "certificate"])
async def test_a_faust_worker_reads_and_writes(
    kafka: SecuredKafka, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, which is told by its environment alone."""
    for name, value in as_variables(Settings(kafka=way_in(kafka, way))).items():
        monkeypatch.setenv(name, value)
    faust = WithFaust(kafka.plain, tmp_path)
    try:
        chunks, _ = await faust.run([(b"k", toy_record(toy_slice("chunk-1")), [])], 1, 0)
        [child] = faust.children
        assert chunks == ["chunk-1"]
        assert PASSWORD not in repr(child.args)
    finally:
        faust.end()
    assert PASSWORD not in (tmp_path / "stderr").read_text()


def test_the_table_of_topics_is_applied(kafka: SecuredKafka) -> None:
    cluster = kafka.by_password("PLAIN")
    assert apply(cluster, 1) == []
    assert diff(cluster, 1) == []
    group, topics = next(iter(GROUPS.items()))
    assert committed(cluster, group, [(topics[0], 0)]) == {(topics[0], 0): 0}


def wrong(kafka: SecuredKafka, what: str, folder: Path) -> KafkaSettings:
    stranger = Authority(folder, "stranger")
    right = kafka.by_password("SCRAM-SHA-512")
    match what:
        case "password":
            return kafka.by_password("SCRAM-SHA-512", "another word")
        case "plain password":
            return kafka.by_password("PLAIN", "another word")
        case "secret":
            return kafka.by_token("another secret")
        case "authority":
            return right.model_copy(update={"ca_file": stranger.file})
        case "no TLS":
            return KafkaSettings(bootstrap=kafka.secured)
        case "TLS":
            return right.model_copy(update={"bootstrap": kafka.plain})
        case "no certificate":
            return KafkaSettings(bootstrap=kafka.mutual, security_protocol="SSL", ca_file=kafka.authority)
        case "certificate":
            return kafka.by_certificate(stranger.pair("foreign"))
    return right.model_copy(update={"ca_file": kafka.client.key})


@pytest.mark.parametrize(
    ("what", "mend"),
    [
        ("password", "kafka.sasl_password"),
        ("plain password", "kafka.sasl_password"),
        ("secret", "kafka.sasl_oauth_client_id"),
        ("authority", "kafka.ca_file"),
        ("no TLS", "kafka.security_protocol"),
        ("TLS", "kafka.security_protocol"),
        ("no certificate", "kafka.certificate_file"),
        ("certificate", "kafka.certificate_file"),
        ("no PEM of certificates", "PEM"),
    ],
)
def test_who_does_not_get_in_is_told_what_to_mend(kafka: SecuredKafka, what: str, mend: str, tmp_path: Path) -> None:
    settings = Settings(kafka=wrong(kafka, what, tmp_path))
    with pytest.raises(Refusal) as at_up:
        check_given(settings)
    assert mend in at_up.value.next_step, (at_up.value.problem, at_up.value.next_step)
    if what in ("password", "authority"):
        [row, *_] = probe_services(settings)
        assert (row["ok"], row["next_step"]) == (False, at_up.value.next_step)
        assert "another word" not in str(row)


def test_a_broker_that_is_away_is_no_refusal() -> None:
    nobody = KafkaSettings(bootstrap="127.0.0.1:1")
    with pytest.raises(KafkaUnreachable) as found:
        reach(nobody, 0.5)
    assert not found.value.refused and "sluice up" in found.value.next_step


async def test_the_client_of_batches_says_it_too(kafka: SecuredKafka) -> None:
    batches = BatchOutbox(kafka.by_password("PLAIN", "another word"), "test-batches")
    with pytest.raises(DeliveryError):
        await batches.open(["commands"])
