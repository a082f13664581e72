"""What stages wrote, read back: slices that go on, events, money, public events."""

from __future__ import annotations

from collections.abc import Sequence

from infra.kafka.records import ProducerRecord
from schemas.records.codec import decode_as
from schemas.records.slice import Slice
from schemas.records.wire import DeliveryReceipt, Envelope, Held, MessageEvents, Usage


def changes(outputs: Sequence[ProducerRecord]) -> list[tuple[str, int, int, str]]:
    return [
        (c.status, c.send, c.positions, c.reason)
        for o in outputs
        if o.topic.startswith("message-events-")
        for c in decode_as(o.value, MessageEvents).changes
    ]


def changes_with_codes(outputs: Sequence[ProducerRecord]) -> list[tuple[str, int, int, str, str | None]]:
    return [
        (c.status, c.send, c.positions, c.reason, c.code)
        for o in outputs
        if o.topic.startswith("message-events-")
        for c in decode_as(o.value, MessageEvents).changes
    ]


def usage(outputs: Sequence[ProducerRecord]) -> list[tuple[int, int, bytes]]:
    return [(u.charged, u.refunded, u.segments) for o in outputs if o.topic == "usage" for u in [decode_as(o.value, Usage)]]


def public(outputs: Sequence[ProducerRecord]) -> list[DeliveryReceipt]:
    return [decode_as(o.value, DeliveryReceipt) for o in outputs if o.topic == "delivery-receipts"]


def dispatched(outputs: Sequence[ProducerRecord]) -> list[Slice]:
    return [s for o in outputs if o.topic.startswith("dispatch-") for s in decode_as(o.value, Envelope).slices]


def held(outputs: Sequence[ProducerRecord]) -> list[Held]:
    return [decode_as(o.value, Held) for o in outputs if o.topic == "held"]


def used(outputs: Sequence[ProducerRecord]) -> list[Usage]:
    return [decode_as(o.value, Usage) for o in outputs if o.topic == "usage"]
