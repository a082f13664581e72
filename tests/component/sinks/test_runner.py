"""A sink with real Kafka and PostgreSQL: soon, exactly once, by one owner, whatever stands in the topic.

In: records on a topic of the test's own. Out: rows and offsets that agree.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.sinks.message_events import MessageEventsSink
from connectors.sinks.usage import UsageSink
from infra.services.postgres import PostgresService
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.wire import MessageEvents
from tests.support.database import add_tenant, fresh_database
from tests.support.log_records import TENANT, change, events, usage
from tests.support.running_sinks import ask, make_topic, put, running_sink
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

COUNTED = "SELECT coalesce(sum(c), 0)::int FROM campaign_counts, unnest(counts) c"
NEXT = "SELECT coalesce(sum(next), 0)::int FROM sink_offsets"


@pytest.fixture
def database(services: Stack) -> Iterator[str]:
    with fresh_database(services.postgres) as url:
        yield url


def sink_on(topic: str) -> MessageEventsSink:
    sink = MessageEventsSink()
    sink.reads = (topic,)
    return sink


def sent(number: int) -> MessageEvents:
    return events(change("sent"), chunk=f"chk_{number}")


def test_a_single_record_shows_at_once_and_a_flood_shows_whole(services: Stack, database: str) -> None:
    topic = make_topic(services.kafka)
    with running_sink(sink_on(topic), services.kafka, database):
        put(services.kafka, topic, [sent(0)])
        wait_for(lambda: ask(database, COUNTED) == [(10,)])
        took = []
        for number in range(1, 5):  # a machine may stand still once
            before = time.monotonic()
            put(services.kafka, topic, [sent(number)])
            wait_for(lambda number=number: ask(database, COUNTED) == [(10 + 10 * number,)])  # type: ignore[misc]
            took.append(time.monotonic() - before)
        assert min(took) < 1.0, took
        for partition in (0, 1):
            put(services.kafka, topic, [sent(1000 * (partition + 1) + i) for i in range(500)], partition)
        wait_for(lambda: ask(database, COUNTED) == [(10_050,)])
    assert ask(database, NEXT) == [(1005,)]


def test_work_goes_on_where_the_last_owner_stopped(services: Stack, database: str) -> None:
    topic = make_topic(services.kafka)
    put(services.kafka, topic, [sent(0)])
    with running_sink(sink_on(topic), services.kafka, database, instance="same"):
        wait_for(lambda: ask(database, COUNTED) == [(10,)])
    put(services.kafka, topic, [events(change("delivered"), chunk="chk_0")])
    with running_sink(sink_on(topic), services.kafka, database, instance="same"):
        wait_for(lambda: ask(database, NEXT) == [(2,)])
    assert ask(database, "SELECT counts[13] FROM campaign_counts") == [(10,)]
    assert ask(database, "SELECT DISTINCT epoch FROM sink_offsets") == [(2,)]


def test_a_writer_that_lost_its_epoch_is_refused_and_joins_anew(services: Stack, database: str) -> None:
    topic = make_topic(services.kafka, partitions=1)
    with running_sink(sink_on(topic), services.kafka, database):
        put(services.kafka, topic, [sent(0)])
        wait_for(lambda: ask(database, NEXT) == [(1,)])
        with psycopg.connect(database) as connection:  # another owner, which moved the chunk on
            connection.execute("UPDATE sink_offsets SET epoch = epoch + 1")
            connection.execute("UPDATE chunks SET sequences = array_fill(1048588, '{10}')")
        put(services.kafka, topic, [events(change("undelivered"), chunk="chk_0")])
        wait_for(lambda: ask(database, NEXT) == [(2,)])
    assert ask(database, "SELECT sequences[1], (SELECT max(epoch) FROM sink_offsets) FROM chunks") == [(1048588, 3)]


def test_a_database_set_back_is_written_again_from_where_it_stands(services: Stack, database: str) -> None:
    topic = make_topic(services.kafka, partitions=1)
    with running_sink(sink_on(topic), services.kafka, database):
        put(services.kafka, topic, [sent(0)])
        wait_for(lambda: ask(database, NEXT) == [(1,)])
        put(services.kafka, topic, [sent(1), sent(2)])
        wait_for(lambda: ask(database, NEXT) == [(3,)])
        with psycopg.connect(database) as connection:  # as it was behind the first record
            connection.execute("UPDATE sink_offsets SET next = 1")
            connection.execute("DELETE FROM campaign_counts")
            connection.execute("DELETE FROM chunks WHERE chunk <> 'chk_0'")
        put(services.kafka, topic, [sent(3)])
        wait_for(lambda: ask(database, NEXT) == [(4,)])
    assert ask(database, "SELECT count(*) FROM chunks") == [(4,)]


def test_a_topic_made_anew_begins_at_its_start(services: Stack, database: str) -> None:
    topic = make_topic(services.kafka, partitions=1)
    put(services.kafka, topic, [sent(i) for i in range(3)])
    with running_sink(sink_on(topic), services.kafka, database, instance="same"):
        wait_for(lambda: ask(database, NEXT) == [(3,)])
    admin = AdminClient({"bootstrap.servers": services.kafka})
    admin.delete_topics([topic])[topic].result(timeout=30)
    wait_for(lambda: topic not in admin.list_topics(timeout=30).topics)
    make_topic(services.kafka, partitions=1, name=topic)
    put(services.kafka, topic, [sent(9)])
    with running_sink(sink_on(topic), services.kafka, database, instance="same"):
        wait_for(lambda: ask(database, NEXT) == [(1,)])
    assert ask(database, COUNTED) == [(40,)]


def test_records_between_poison_are_written(services: Stack, topics: None, database: str) -> None:
    topic = make_topic(services.kafka, partitions=1)
    broken = events(change("sent", 1 << 400))
    put(services.kafka, topic, [sent(0), b"no record", sent(1), broken, events(change("sent"), tenant="nobody"), sent(2)])
    with running_sink(sink_on(topic), services.kafka, database):
        wait_for(lambda: ask(database, NEXT) == [(6,)])
    assert ask(database, COUNTED) == [(30,)]
    for value in (b"no record", encode(broken)):
        assert find_letter(services.kafka, value)["x-orig-topic"] == topic.encode()


def test_what_the_sinks_bury_is_in_the_dead_letters_before_the_offset_moves(
    services: Stack, topics: None, database: str
) -> None:
    poison = f"poison {database}".encode()
    add_tenant(database, TENANT)
    put(services.kafka, "usage", [poison, usage(charged=1)])
    with running_sink(UsageSink(), services.kafka, database):
        wait_for(lambda: ask(database, "SELECT charged >= 700 FROM balances") == [(True,)])
    headers = find_letter(services.kafka, poison)
    assert headers["x-orig-topic"] == b"usage" and headers["x-error-code"] == b"undecodable"


def find_letter(kafka: str, value: bytes) -> dict[str, bytes]:
    """The headers of the dead letter with this value."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "finder", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("dead-letter", 0, 0)])
    try:
        while True:
            message = consumer.poll(30)
            assert message is not None, "no such dead letter"
            if message.error() is None and message.value() == value:
                return dict(message.headers() or [])  # type: ignore[arg-type]
    finally:
        consumer.close()


def test_nothing_is_lost_while_postgresql_is_away(services: Stack, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("away")
    postgres = PostgresService(folder / "postgres", log=folder / "log")
    postgres.start()
    try:
        topic = make_topic(services.kafka)
        with fresh_database(postgres.address) as url, running_sink(sink_on(topic), services.kafka, url):
            put(services.kafka, topic, [sent(0)])
            wait_for(lambda: ask(url, COUNTED) == [(10,)])
            postgres.stop()
            put(services.kafka, topic, [sent(i) for i in range(1, 300)])
            back = threading.Thread(target=postgres.start)
            back.start()
            back.join()
            wait_for(lambda: ask(url, COUNTED) == [(3000,)])
            assert ask(url, NEXT) == [(300,)]
    finally:
        postgres.stop()
