"""Reads what became of your messages: one JSON line per event of the topic `delivery-receipts`.

In: Kafka, and the schema registry that Sluice's gateway serves under `/registry`. Out: a line on stdout per event, in
the order in which they arrived; `"newest": false` marks an event that is older than one already seen of its message.
An event may arrive twice; its `ce_id` is the same then, and the second is passed over. The offset is committed after
the line was written, so that a crash repeats lines and loses none. An event that cannot be read is told on stderr and
passed over; a registry that does not answer ends the program, with nothing committed.
Needs `pip install confluent-kafka avro` and nothing of Sluice.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import struct
import sys
from collections import OrderedDict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, build_opener

import avro.errors
import avro.io
import avro.schema
from confluent_kafka import Consumer, KafkaException, Message

HEADER = struct.Struct(">BI")
REMEMBERED = 100_000


class UnreadableEvent(ValueError):
    """These bytes are not an event."""


def opener_for(url: str) -> OpenerDirector:
    """Opens URLs through the proxy of the environment, if there is one, but those of this machine straight."""
    host = urlsplit(url).hostname or ""
    here = host in ("localhost", "::1") or host.startswith("127.")
    return build_opener(ProxyHandler({})) if here else build_opener()


class Registry:
    """Schemas by id, each fetched once."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._readers: dict[int, avro.io.DatumReader] = {}
        self._opener = opener_for(self._url)

    def read(self, value: bytes | None) -> dict[str, Any]:
        """The fields of an event: a zero byte, the schema's id in four bytes, then Avro."""
        if value is None or len(value) < HEADER.size or value[0] != 0:
            raise UnreadableEvent("not in the Confluent wire format")
        _, schema_id = HEADER.unpack_from(value)
        try:
            fields = self._reader(schema_id).read(avro.io.BinaryDecoder(io.BytesIO(value[HEADER.size :])))
        except (avro.errors.AvroException, ValueError, TypeError, IndexError, struct.error) as fault:
            raise UnreadableEvent(f"{type(fault).__name__}: {fault}") from fault
        if not isinstance(fields, dict):
            raise UnreadableEvent("not a record")
        return fields

    def _reader(self, schema_id: int) -> avro.io.DatumReader:
        if schema_id not in self._readers:
            with self._opener.open(f"{self._url}/schemas/ids/{schema_id}", timeout=10) as answer:
                text = json.load(answer)["schema"]
            self._readers[schema_id] = avro.io.DatumReader(avro.schema.parse(text))
        return self._readers[schema_id]


class Book:
    """What was seen lately. In a real system this is a table, written in one transaction with what you do about it."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._sequences: OrderedDict[str, int] = OrderedDict()

    def is_repeat(self, ce_id: str) -> bool:
        """Whether this event was here before; it counts as seen from now on."""
        repeat = ce_id in self._seen
        self._seen[ce_id] = None
        self._trim(self._seen)
        return repeat

    def is_newest(self, message_id: str, sequence: int) -> bool:
        """Whether this is the message's state now: the highest sequence is true, in whatever order events come."""
        newest = sequence >= self._sequences.get(message_id, -1)
        if newest:
            self._sequences[message_id] = sequence
            self._sequences.move_to_end(message_id)
            self._trim(self._sequences)
        return newest

    def _trim(self, entries: OrderedDict[str, Any]) -> None:
        while len(entries) > self._size:
            entries.popitem(last=False)


def line_of(message: Message, registry: Registry, book: Book) -> str | None:
    """The JSON line of an event, or None for a repeat."""
    headers: dict[str, Any] = dict(message.headers() or [])
    ce_id = bytes(headers.get("ce_id") or b"").decode()
    fields = registry.read(message.value())
    if ce_id and book.is_repeat(ce_id):
        return None
    newest = book.is_newest(fields["message_id"], fields["sequence"])
    return json.dumps({"ce_id": ce_id, **fields, "newest": newest}, default=_to_text, ensure_ascii=False)


def _to_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def follow(consumer: Consumer, registry: Registry, stopped: list[int], most: int | None = None) -> None:
    """Print, then commit, until a signal comes, or `most` lines were printed."""
    book = Book()
    printed = 0
    while not stopped and printed != most:
        messages = consumer.consume(500 if most is None else min(500, most - printed), 0.2)
        for message in messages:
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise SystemExit(f"Kafka: {error}")
                sys.stderr.write(f"Kafka: {error}\n")
                continue
            try:
                line = line_of(message, registry, book)
            except UnreadableEvent as fault:
                sys.stderr.write(f"passed over {message.topic()}[{message.partition()}]@{message.offset()}: {fault}\n")
                continue
            if line is not None:
                sys.stdout.write(line + "\n")
                printed += 1
        if messages:
            sys.stdout.flush()
            try:
                consumer.commit(asynchronous=False)
            except KafkaException as fault:
                sys.stderr.write(f"not committed, events may come again: {fault}\n")


def main() -> None:
    """Read the arguments and follow the topic until Ctrl-C, or until there were enough lines."""
    arguments = argparse.ArgumentParser(description="Print delivery receipts as JSON lines.")
    arguments.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers")
    arguments.add_argument("--registry", default="http://127.0.0.1:8080/registry", help="the gateway's registry")
    arguments.add_argument("--group", default="my-subscriber", help="consumer group; each group gets every event")
    arguments.add_argument("--topic", default="delivery-receipts")
    arguments.add_argument("--max", type=int, help="end after so many lines; without it, Ctrl-C ends it")
    chosen = arguments.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale: JSON is UTF-8
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: stopped.append(received))
    consumer = Consumer(
        {
            "bootstrap.servers": chosen.kafka,
            "group.id": chosen.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([chosen.topic])
    try:
        follow(consumer, Registry(chosen.registry), stopped, chosen.max)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
