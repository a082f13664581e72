"""Topics: each has somebody who writes, reads and buries, records that exist, and an example of each."""

from __future__ import annotations

import re

import pytest

from infra.kafka.topic_admin import Compression, wanted_settings
from schemas.records.examples import examples
from schemas.records.topics import (
    DEAD_LETTER,
    DELIVERY_RECEIPTS,
    FOREIGN_READERS,
    TOPICS,
    USAGE,
    Topic,
    attempts,
    dispatch,
    dispatch_of,
    events,
    ingest,
    log_of,
    logs_of,
    retries,
    topic,
)
from schemas.values.lanes import Lane

EXAMPLES = {type(example).__name__ for example in examples()}
ROLES = {"gateway", "streams", "dispatch", "sinks", "delay", "releaser"}


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
def test_every_topic_has_a_writer_a_reader_and_one_that_buries(row: Topic) -> None:
    assert row.writers
    assert set(row.writers) <= ROLES
    assert row.readers
    assert set(row.readers) <= ROLES | FOREIGN_READERS
    assert row.dead_letters_by in (row.readers if row.name != DEAD_LETTER else ("nobody",))


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
def test_every_topic_has_an_example_of_each_record(row: Topic) -> None:
    assert row.records
    assert set(row.records) <= EXAMPLES or row.name == DEAD_LETTER


def test_every_record_has_a_topic() -> None:
    assert {name for row in TOPICS for name in row.records} >= EXAMPLES


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
def test_names_sizes_and_times_make_sense(row: Topic) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.name)
    assert row.partitions >= 1
    assert row.retention_ms is None or row.retention_ms >= 86_400_000
    assert row.key


def test_names_are_unique_and_found() -> None:
    assert len({row.name for row in TOPICS}) == len(TOPICS)
    assert all(topic(row.name) is row for row in TOPICS)
    with pytest.raises(KeyError):
        topic("elsewhere")


@pytest.mark.parametrize("lane", list(Lane))
def test_every_lane_has_its_topics_and_the_log_fits_its_dispatch(lane: Lane) -> None:
    names = {ingest(lane), dispatch(lane), attempts(lane), *retries(lane), events(lane)}
    assert names <= {row.name for row in TOPICS}
    log, sent = topic(attempts(lane)), topic(dispatch(lane))
    works = [dispatch(lane), *({dispatch_of(lane, one_process=True)} - {dispatch(lane)})]
    logs = [log_of(work, partition) for work in works for partition in range(topic(work).partitions)]
    assert logs == [(lane, partition) for partition in range(log.partitions)], "each partition has a log of its own"
    assert set(logs_of(lane, 3)) == {partition for work in works for _, partition in [log_of(work, 3)]}
    assert log.retention_ms is not None
    assert sent.retention_ms is not None
    assert log.retention_ms >= sent.retention_ms


def test_what_others_read_is_public_and_kept_as_every_client_reads_it() -> None:
    public = {row.name for row in TOPICS if row.public}
    assert public == {DELIVERY_RECEIPTS, USAGE, DEAD_LETTER, *(events(lane) for lane in Lane)}
    for row in TOPICS:
        kept = wanted_settings(row, 1)["compression.type"]
        assert kept == ("uncompressed" if row.public else "producer"), row.name
    assert wanted_settings(topic(USAGE), 1, Compression("gzip", "zstd"))["compression.type"] == "gzip"
    assert wanted_settings(topic(ingest(Lane.OTP)), 1, Compression("gzip", "zstd"))["compression.type"] == "zstd"
