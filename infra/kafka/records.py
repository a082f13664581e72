"""One record of Kafka, as it was read and as it is to be written: what streams, sinks, dispatch, delay and `verify` share.

In: a message of the client. Out: plain tuples, which know nothing of a client and can be made in tests. Nothing can go
wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

PartitionKey = tuple[str, int]
"""Topic and partition."""


class ConsumerRecord(NamedTuple):
    """A record as it was read. `timestamp` in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class ProducerRecord(NamedTuple):
    """A record to write; `partition` -1: by its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []  # noqa: RUF012  why: Kafka's client takes a list alone; never changed
    partition: int = -1


def record_of(message: Any) -> ConsumerRecord:
    """A message of the client that is no error."""
    return ConsumerRecord(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        message.headers() or (),
    )
