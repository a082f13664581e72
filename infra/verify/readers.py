"""How far everybody has read: consumer groups by their committed offsets, sinks by those in PostgreSQL.

In: the broker, a session, how long to wait at most. Out: who is behind when the time is over, and the ends waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from infra.kafka.log_reader import committed_offsets, end_offsets
from infra.kafka.records import PartitionKey
from infra.kafka.security import Cluster
from infra.kafka.topic_admin import GROUPS
from infra.postgres.session import Session
from infra.postgres.sql import load_sql
from schemas.records import topics
from schemas.values.lanes import Lane
from schemas.values.rungs import Rung

POLL_SECONDS = 0.1
LAST_SECONDS = 5.0
"""What the sinks get at least for the outcome of what was read last."""
LONG_RUNGS = frozenset(topics.retry(lane, rung) for lane in Lane for rung in Rung if rung is not Rung.TEN_SECONDS)
"""What waits there is `held`, like rows of the waiting room: nobody is behind with it."""
AWAITED = {group: tuple(name for name in names if name not in LONG_RUNGS) for group, names in GROUPS.items()}
SINK_TOPICS = tuple(row.name for row in topics.TOPICS if "sinks" in row.readers)


def wait_for_readers(
    kafka: Cluster, session: Session, wait: float
) -> tuple[list[str], dict[PartitionKey, int], dict[PartitionKey, int]]:
    """(consumers that are behind when the time is over, ends of all topics, ends of what they led to).

    Two steps: when everybody has read what was there, the outcome stands in topics that only the sinks still have to
    read.
    """
    until = time.monotonic() + wait
    first = end_offsets(kafka, [row.name for row in topics.TOPICS])
    behind = _until(lambda: _sinks_behind(session, first) + _groups_behind(kafka, first), until)
    second = end_offsets(kafka, [row.name for row in topics.TOPICS])
    behind += _until(lambda: _sinks_behind(session, second), max(until, time.monotonic() + LAST_SECONDS))
    return list(dict.fromkeys(behind)), first, second


def _until(late: Callable[[], list[str]], deadline: float) -> list[str]:
    while True:
        behind = late()
        if not behind or time.monotonic() >= deadline:
            return behind
        time.sleep(POLL_SECONDS)


def _sinks_behind(session: Session, ends: dict[PartitionKey, int]) -> list[str]:
    with session.transaction() as transaction:
        stored = {(topic, p): following for topic, p, following in transaction.rows(load_sql("infra.verify", "offsets"))}
    return [f"sinks on {t}[{p}]" for (t, p), end in sorted(ends.items()) if t in SINK_TOPICS and stored.get((t, p), 0) < end]


def _groups_behind(kafka: Cluster, ends: dict[PartitionKey, int]) -> list[str]:
    committed = committed_offsets(kafka, GROUPS)
    return [
        f"{group} on {t}[{p}]"
        for group, names in AWAITED.items()
        for (t, p), end in sorted(ends.items())
        if t in names and committed.get((group, t, p), 0) < end
    ]
