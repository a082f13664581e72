"""Subscribers that others wrote, each as people get it: kafka-python, KafkaJS, confluent-kafka, Java's console consumer.

In: Kafka's address, a topic, how many records there are. Out: `Read` of each. Wrong: CalledProcessError with the client's
own words, or a time-out.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from infra.services.jars import KAFKA_VERSION, fetched, kafka_jars
from infra.services.java import find_java
from tests.support.npm import CACHE, installed
from tests.support.topic_reader import read_topic

HERE = Path(__file__).parent
SECONDS = 60
KAFKAJS = "kafkajs@2.2.4"
NEXT = "=next="
FIELD = "=field="


class Read(NamedTuple):
    """A record as the client gave it."""

    key: str
    value: bytes
    headers: dict[str, str]


def with_kafka_python(kafka: str, topic: str, count: int) -> list[Read]:
    return _from_lines(_output(sys.executable, str(HERE / "kafka_python_reader.py"), kafka, topic, str(count)))


def with_kafkajs(kafka: str, topic: str, count: int) -> list[Read]:
    modules = installed("npm-kafkajs", KAFKAJS)
    return _from_lines(_output("node", str(HERE / "kafkajs_reader.js"), str(modules), kafka, topic, str(count)))


def with_confluent(kafka: str, topic: str, _count: int) -> list[Read]:
    return [Read((record.key or b"").decode(), record.value, record.headers) for record in read_topic(kafka, topic)]


def with_console_consumer(kafka: str, topic: str, count: int) -> list[Read]:
    """`kafka-console-consumer.sh`, which is this class."""
    tools = fetched(f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}", CACHE / "kafka-tools")
    jars = os.pathsep.join(map(str, (tools, *kafka_jars().glob("*.jar"))))
    shown = [
        "print.key=true",
        "print.headers=true",
        f"key.separator={FIELD}",
        f"line.separator={NEXT}",
        "headers.separator=;",
    ]
    output = _output(
        str(find_java().path),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Xmx128m",
        "-cp",
        jars,
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--bootstrap-server",
        kafka,
        "--topic",
        topic,
        "--from-beginning",
        "--max-messages",
        str(count),
        "--timeout-ms",
        "30000",
        *(word for one in shown for word in ("--formatter-property", one)),
    )
    return [_from_console(line) for line in output.split(NEXT.encode())[:-1]]


CLIENTS: dict[str, Callable[[str, str, int], list[Read]]] = {
    "kafka-python": with_kafka_python,
    "KafkaJS": with_kafkajs,
    "confluent-kafka": with_confluent,
    "console consumer": with_console_consumer,
}


def _output(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout


def _from_lines(output: bytes) -> list[Read]:
    rows = [json.loads(line) for line in output.splitlines()]
    return [Read(row["key"], base64.b64decode(row["value"]), row["headers"]) for row in rows]


def _from_console(line: bytes) -> Read:
    headers, key, value = line.split(FIELD.encode(), 2)
    return Read(key.decode(), value, dict(pair.split(":", 1) for pair in headers.decode().split(";")))
