"""What stands in one partition, and what records of the log of calls say.

In: a topic, a partition, where to begin; records. Out: offsets and values; the last outcome of each message. Wrong:
AssertionError when the end is not reached in half a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, TopicPartition

from schemas.records.wire import Settled
from schemas.values.positions import places


def read_partition(bootstrap: str, topic: str, partition: int, begin: int) -> Sequence[tuple[int, bytes]]:
    """Offset and value of each record from `begin` up to the end that there is now."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        start = TopicPartition(topic, partition, begin)
        end = consumer.get_watermark_offsets(start, timeout=30)[1]
        consumer.assign([start])
        out: list[tuple[int, bytes]] = []
        deadline = time.monotonic() + 30
        while begin < end and (not out or out[-1][0] < end - 1):
            assert time.monotonic() < deadline, f"{topic}[{partition}] was not read to {end}"
            # Trap: `consume` with a time-out waits for all it was asked for; the role under test stands still meanwhile.
            found = [consumer.poll(0.1), *consumer.consume(500, 0)]
            out += [(m.offset() or 0, m.value() or b"") for m in found if m is not None and m.error() is None]
        return out
    finally:
        consumer.close()


def outcomes(records: Iterable[Settled]) -> dict[tuple[str, int], str]:
    """The last outcome of each message that these records know of."""
    return {
        (record.chunk, position): verdict.outcome
        for record in records
        for verdict in record.verdicts
        for position in places(verdict.positions)
    }
