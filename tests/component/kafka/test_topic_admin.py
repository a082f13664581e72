"""Topics on a real broker: made as the table says, begun where nothing was committed, a second time untouched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kafka.client import TopicPartition, make_consumer
from infra.kafka.offsets import committed, end_offsets
from infra.kafka.topic_admin import GROUPS, apply, diff, list_topics
from infra.services.kafka import KafkaService
from schemas.records.topics import COMMANDS, TOPICS

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of its own: the table's topics are the whole cluster's."""
    folder: Path = tmp_path_factory.mktemp("topics")
    kafka = KafkaService(folder)
    kafka.start()
    yield kafka.address
    kafka.stop()


def places(group: str) -> list[tuple[str, int]]:
    return [(row.name, partition) for row in TOPICS if row.name in GROUPS[group] for partition in range(row.partitions)]


def test_apply_makes_everything_once(bootstrap: str) -> None:
    assert len(diff(bootstrap, 1)) >= len(TOPICS)
    done = apply(bootstrap, 1)
    assert [sentence for sentence in done if "made topic" in sentence] == [f"made topic {row.name}" for row in TOPICS]
    assert (diff(bootstrap, 1), apply(bootstrap, 1)) == ([], [])
    states = {state.name: state for state in list_topics(bootstrap)}
    assert {name: state.partitions for name, state in states.items()} == {row.name: row.partitions for row in TOPICS}
    assert states[COMMANDS].settings["cleanup.policy"] == "compact"
    assert set(end_offsets(bootstrap).values()) == {0}
    for group in GROUPS:
        assert committed(bootstrap, group, places(group)) == dict.fromkeys(places(group), 0)


def test_what_a_group_has_committed_stays(bootstrap: str) -> None:
    apply(bootstrap, 1)
    consumer = make_consumer(bootstrap, "sluice-delay")
    topic = GROUPS["sluice-delay"][0]
    consumer.commit(offsets=[TopicPartition(topic, 0, 7)], asynchronous=False)
    consumer.close()
    apply(bootstrap, 1)
    assert committed(bootstrap, "sluice-delay", [(topic, 0), (topic, 1)]) == {(topic, 0): 7, (topic, 1): 0}
