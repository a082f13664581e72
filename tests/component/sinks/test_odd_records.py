"""Records with what no table can keep, in front of and behind good ones: for every sink the neighbours are written, what
fails alone becomes a dead letter alone, and the offset moves on.

In: topics of the test's own, real Kafka and PostgreSQL. Out: rows and dead letters.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from connectors.sinks.contract import Sink
from connectors.sinks.registry import make_sinks
from infra.services.stack import Stack
from schemas.records.codec import decode, decode_as, encode
from schemas.records.wire import Envelope, MessageEvents, Record, Settled, Usage
from tests.support.database import add_tenant, fresh_database
from tests.support.log_records import NOW, SEALER, TENANT, a_slice, change, events, held, settled, started, usage
from tests.support.ref_pages import fresh_refs
from tests.support.running_sinks import ask, make_topic, running_sink
from tests.support.waiting import wait_for

pytestmark = pytest.mark.stack

NEXT = "SELECT coalesce(sum(next), 0)::int FROM sink_offsets"
HOSTILE = {
    "nul": "a\0b",
    "controls": "\x1b[2J\n",
    "right to left": "\u202eילשמ",
    "escapes": '\\u0000"\\',
    "long": "é" * 300_000,
}
FAR = [-(2**63), -62_135_596_800_001, 253_402_300_800_000, 2**63 - 1]
"""Before the year 1 and after 9999, and what no number of eight bytes exceeds."""


@pytest.fixture
def database(services: Stack, topics: None) -> Iterator[str]:
    with fresh_database(services.postgres) as url:
        add_tenant(url, TENANT)
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, "
                "partition) VALUES ('acme', 3, 'smpp', 1, 1, 2, 1, 0)"
            )
        yield url


class Place:
    """A sink at work on a topic of its own."""

    def __init__(self, services: Stack, database: str, sink: str) -> None:
        self.kafka = services.kafka
        self.database = database
        self.topic = make_topic(services.kafka, partitions=1)
        self.sink: Sink = next(one for one in make_sinks(SEALER) if one.name == sink)
        self.sink.reads = (self.topic,)

    def tell(self, records: Sequence[Record | bytes]) -> None:
        """Put them and wait until the sink is behind them."""
        producer = Producer({"bootstrap.servers": self.kafka, "acks": "all"})
        for record in records:
            producer.produce(
                self.topic,
                record if isinstance(record, bytes) else encode(record),
                partition=0,
                key=b"key",
                headers=[("x-from", b"gateway"), ("own", b"kept")],
            )
        assert producer.flush(30) == 0
        with running_sink(self.sink, self.kafka, self.database):
            wait_for(lambda: ask(self.database, NEXT) == [(len(records),)])

    def letters(self) -> list[tuple[bytes, dict[str, bytes]]]:
        """What was buried of this topic, with its headers."""
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": secrets.token_hex(4)})
        _, end = consumer.get_watermark_offsets(TopicPartition("dead-letter", 0), timeout=30)
        consumer.assign([TopicPartition("dead-letter", 0, 0)])
        out = []
        try:
            while max(0, consumer.position([TopicPartition("dead-letter", 0)])[0].offset) < end:
                message = consumer.poll(30)
                assert message is not None and message.error() is None
                headers: dict[str, bytes] = dict(message.headers() or [])  # type: ignore[arg-type]
                if headers.get("x-orig-topic") == self.topic.encode():
                    out.append((message.value() or b"", headers))
        finally:
            consumer.close()
        return out


def chunk(n: int | str) -> str:
    return f"chk_odd_0_{n}"


GOOD: dict[str, Callable[[str], Any]] = {
    "ingest": lambda name: Envelope(slices=[a_slice(chunk=name)]),
    "message-events": lambda name: events(change("sent", carrier="acme"), chunk=name),
    "attempts": lambda name: settled({"sent": 0b1111111111}, chunk=name),
    "held": lambda name: held(of={"chunk": name}),
    "usage": lambda name: usage(charged=0b1, chunk=name),
}
TABLES = {
    "ingest": "chunk_payloads",
    "message-events": "chunks",
    "attempts": "attempt_chunks",
    "held": "held",
    "usage": "reservations",
}


def bend(record: Any, **fields: Any) -> Any:
    """The record with these fields, also of its slice."""
    if isinstance(record, Envelope):
        return Envelope(slices=[bend(one, **fields) for one in record.slices])
    names = type(record).__struct_fields__
    own = {name: value for name, value in fields.items() if name in names}
    if "slice" in names:
        own["slice"] = bend(record.slice, **{n: v for n, v in fields.items() if n not in own})
    return msgspec.structs.replace(record, **own)


@pytest.mark.parametrize("sink", sorted(GOOD))
def test_neighbours_of_what_no_table_can_keep_are_written(services: Stack, database: str, sink: str) -> None:
    place, good = Place(services, database, sink), GOOD[sink]
    odd = [
        b"no record at all",
        encode(good(chunk("x"))).replace(b"chk_odd", b"chk\xff\xfe\xfdd"),
        bend(good(chunk("u")), tenant=TENANT.upper()),
        bend(good(chunk("n")), tenant="nobody"),
    ]
    odd += [bend(good(chunk("c")), chunk=f"chk_{text}") for text in HOSTILE.values()]
    odd += [
        bend(good(chunk("r")), **{field: text})
        for text in HOSTILE.values()
        for field in ("carrier", "reason", "sender", "body", "lease", "key_id", "lane", "campaign")
    ]
    odd += [
        bend(good(chunk("t")), **{field: number})
        for number in FAR
        for field in ("at", "expires_at", "price", "accepted_at", "due_at", "not_before", "cost")
    ]
    story: list[Record | bytes] = []
    for n, record in enumerate(odd):
        story += [good(chunk(n)), record]
    place.tell([*story, good(chunk("last"))])
    rows = {name for (name,) in ask(database, f"SELECT DISTINCT chunk FROM {TABLES[sink]}")}
    assert {chunk(n) for n in range(len(odd))} | {chunk("last")} <= rows
    assert not {name for name in rows if not name.isascii() or "\0" in name or len(name) > 128}
    offsets = {int(headers["x-orig-offset"]) for _, headers in place.letters()}
    assert all(offset % 2 == 1 for offset in offsets), "a neighbour was buried"


def test_a_code_that_jsonb_refuses_costs_nobody_a_state(services: Stack, database: str) -> None:
    place = Place(services, database, "message-events")
    place.tell(
        [
            events(
                *[change("undelivered", 1 << n, code=text) for n, text in enumerate(HOSTILE.values())],
                change("delivered", 0b1110000000),
            )
        ]
    )
    [(sequences, codes)] = ask(database, "SELECT sequences, codes FROM chunks")
    assert [s & 15 for s in sequences] == [11] * len(HOSTILE) + [0] * (7 - len(HOSTILE)) + [12] * 3
    assert codes["0"] == "a\ufffdb" and all(len(code) <= 64 for code in codes.values())
    assert place.letters() == []


def test_one_change_that_nobody_knows_is_buried_with_nobody_else(services: Stack, database: str) -> None:
    place = Place(services, database, "message-events")
    place.tell(
        [
            events(
                change("sent", 0b0011111111),
                change("no_such_state", 0b0100000000, segments=b"\1"),
                change("delivered", 0b1000000000),
            )
        ]
    )
    [(sequences,)] = ask(database, "SELECT sequences FROM chunks")
    assert [s & 15 for s in sequences] == [9] * 8 + [0, 12]
    [(value, headers)] = place.letters()
    alone = decode_as(value, MessageEvents)
    assert [(c.status, c.positions, c.segments) for c in alone.changes] == [("no_such_state", 1 << 8, b"\1")]
    assert (headers["own"], headers["x-orig-offset"], headers["x-orig-partition"]) == (b"kept", b"0", b"0")
    assert headers["x-error-class"] == b"RecordError" and headers["x-service"] == b"sinks-message-events"


def test_one_chunk_of_an_envelope_is_buried_alone(services: Stack, database: str) -> None:
    place = Place(services, database, "ingest")
    place.tell([Envelope(slices=[a_slice(chunk=chunk(0)), a_slice(chunk=chunk(1), body="a\0b"), a_slice(chunk=chunk(2))])])
    assert ask(database, "SELECT chunk FROM chunk_payloads ORDER BY chunk") == [(chunk(0),), (chunk(2),)]
    [(value, _)] = place.letters()
    assert [s.chunk for s in decode_as(value, Envelope).slices] == [chunk(1)]


def test_more_bad_values_than_any_brake_allows_pass(services: Stack, database: str) -> None:
    place = Place(services, database, "usage")
    place.tell(
        [
            *[usage(charged=1, price=2**62, chunk=chunk(n), segments=b"\xff") for n in range(130)],
            usage(charged=1, chunk=chunk("last")),
        ]
    )
    assert ask(database, "SELECT chunk FROM reservations") == [(chunk("last"),)]
    letters = place.letters()
    assert len(letters) == 130 and isinstance(decode(letters[0][0]), Usage)


def test_answers_of_a_carrier_that_writes_what_it_likes_stay_found(services: Stack, database: str) -> None:
    place = Place(services, database, "attempts")
    ids = "\n".join(text.replace("\n", " ") for text in HOSTILE.values())
    bits = (1 << len(HOSTILE)) - 1
    place.tell([started(chunk=chunk(0)), settled({"sent": bits}, ids=ids, chunk=chunk(0))])
    assert len(fresh_refs(database)) == len(HOSTILE)
    assert place.letters() == []


def test_dead_letters_with_any_headers_are_stored(services: Stack, database: str) -> None:
    place = Place(services, database, "dead-letter")
    producer = Producer({"bootstrap.servers": services.kafka, "acks": "all"})
    odd = [b"\0", b"\xff\xfe", b"9" * 40, b"-1", "\u202eילשמ".encode(), b"x" * 100_000]
    for value in odd:
        producer.produce(
            place.topic,
            value,
            partition=0,
            timestamp=NOW,
            headers=[(name, value) for name in ("x-orig-topic", "x-orig-offset", "x-error-message", "x-service", "own\x01")],
        )
    producer.produce(place.topic, None, partition=0)
    assert producer.flush(30) == 0
    with running_sink(place.sink, services.kafka, database):
        wait_for(lambda: ask(database, NEXT) == [(len(odd) + 1,)])
    rows = ask(database, 'SELECT value, headers::text FROM dead_letters ORDER BY "offset"')
    assert [row[0] for row in rows] == [*odd, None] and all(json.loads(row[1]) is not None for row in rows)


def test_settled_records_name_themselves(services: Stack, database: str) -> None:
    """What only the columns give away is found by the sink as by the stage: one rule."""
    place = Place(services, database, "attempts")
    broken = settled({"sent": 0b11}, ids="one", chunk=chunk(0))
    place.tell([broken, settled({"sent": 0b1111111111}, chunk=chunk(1))])
    assert ask(database, "SELECT chunk FROM attempt_chunks") == [(chunk(1),)]
    assert isinstance(broken, Settled)
