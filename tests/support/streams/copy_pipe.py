"""What merely moving records costs: a process that reads a topic and writes each value, untouched, to another one.

In: Kafka's address, two topics of one partition, how many records to copy. Out: one line on stdout, the CPU seconds of this
process from the first record until Kafka has acknowledged the last. It uses the product's own clients, so that a ratio to a
stage says what the stage adds. Wrong: records that do not come within `PATIENCE_SECONDS` end it with a code other than 0.
"""

from __future__ import annotations

import sys
import time

from infra.kafka.client import TopicPartition, make_consumer, make_producer
from tests.support.waiting import PATIENCE_SECONDS

BATCH = 500
LINGER_MS = 5.0


def copy(bootstrap: str, source: str, target: str, count: int) -> float:
    """CPU seconds that it took."""
    consumer = make_consumer(bootstrap, f"copy-{source}")
    producer = make_producer(bootstrap, f"copy-{source}", linger_ms=LINGER_MS)
    producer.list_topics(target, timeout=PATIENCE_SECONDS)
    consumer.assign([TopicPartition(source, 0, 0)])
    deadline, copied, begun = time.monotonic() + PATIENCE_SECONDS, 0, 0.0
    while copied < count:
        # Trap: `consume` with a time-out waits for all it was asked for.
        first = consumer.poll(0.1)
        found = [] if first is None else [first, *consumer.consume(BATCH, 0)]
        begun = begun or (time.process_time() if found else 0.0)
        for message in found:
            if message.error() is not None:
                raise RuntimeError(str(message.error()))
            producer.produce(target, message.value(), message.key())
        copied += len(found)
        if time.monotonic() > deadline:
            raise RuntimeError(f"{copied} of {count} records within {PATIENCE_SECONDS} s")
    if producer.flush(PATIENCE_SECONDS):
        raise RuntimeError("Kafka did not acknowledge all")
    spent = time.process_time() - begun
    consumer.close()
    return spent


if __name__ == "__main__":
    sys.stdout.write(f"{copy(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))}\n")
