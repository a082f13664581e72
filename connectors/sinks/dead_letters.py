"""The dead-letter topic → `dead_letters`, so that operators can search what became a dead letter.

In: any bytes at all, with the headers of `infra.kafka.dead_letter`. Out: one row a record, under its own offset. A
missing or unreadable header becomes an empty text or -1: what became a dead letter must show, whatever it looks like.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from connectors.sinks.contract import DecodedRecord, Sink, Writer
from infra.kafka.records import ConsumerRecord
from infra.postgres.sql import load_sql
from schemas.records import topics


class DeadLettersSink(Sink):
    """The only writer of `dead_letters`."""

    name = "dead-letter"
    reads = (topics.DEAD_LETTER,)
    tables = ("dead_letters",)
    staging = ()
    linger_seconds = 0.1
    wait_ms = 1000
    batch_records = 200

    def read(self, record: ConsumerRecord) -> None:
        """Nothing: the bytes are stored as they are."""

    def apply(self, batch: Sequence[DecodedRecord], transaction: Writer) -> None:
        """Store what is new."""
        rows = [_row(each.record) for each in batch]
        transaction.execute(load_sql(__package__, "insert_dead_letters"), [list(c) for c in zip(*rows, strict=True)])

    def forget(self) -> None:
        """Nothing is kept."""


def _row(a: ConsumerRecord) -> tuple[object, ...]:
    headers = {name: _text(value) for name, value in a.headers}
    # Values are arbitrary bytes, so they are kept in base 64, in their order.
    kept = [[_text(name.encode()), base64.b64encode(value or b"").decode()] for name, value in a.headers]
    return (
        a.partition,
        a.offset,
        headers.get("x-orig-topic", ""),
        _number(headers.get("x-orig-partition")),
        _number(headers.get("x-orig-offset")),
        headers.get("x-error-class", ""),
        headers.get("x-error-code", ""),
        headers.get("x-error-message", ""),
        headers.get("x-service", ""),
        a.timestamp,
        a.key,
        a.value,
        msgspec.json.encode(kept).decode(),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").replace("\0", "\ufffd")


def _number(text: str | None) -> int:
    """The number in a header, or -1."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else -1
