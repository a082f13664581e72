"""Prints the first records of a topic as JSON lines, with kafka-python alone: KAFKA TOPIC COUNT.

Packages that bring codecs are shut out first, whether they are installed or not: `pip install kafka-python` has none.
"""

from __future__ import annotations

import base64
import json
import sys

for codec in ("lz4", "lz4f", "lz4framed", "snappy", "zstandard", "cramjam"):
    sys.modules[codec] = None  # type: ignore[assignment]

from kafka import KafkaConsumer  # noqa: E402
from kafka.codec import has_lz4, has_snappy, has_zstd  # noqa: E402


def main(kafka: str, topic: str, count: int) -> None:
    """Read from the beginning until so many were printed."""
    assert not (has_lz4() or has_snappy() or has_zstd())
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=30_000)
    for _, record in zip(range(count), consumer, strict=False):
        sys.stdout.write(
            json.dumps(
                {
                    "key": record.key.decode(),
                    "value": base64.b64encode(record.value).decode(),
                    "headers": {name: value.decode() for name, value in record.headers},
                }
            )
            + "\n"
        )
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
