"""Records as the roles would write them, with everything that a test does not care about filled in.

In: the fields that matter. Out: records, and arrivals as Kafka would hand them to a sink.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from connectors.sinks.contract import DecodedRecord
from infra.kafka.records import ConsumerRecord
from infra.security.keyring import Keyring
from infra.security.sealing import Sealer
from schemas.records.codec import encode
from schemas.records.slice import Columns, Slice
from schemas.records.wire import (
    Change,
    Envelope,
    Held,
    MessageEvents,
    Record,
    Released,
    Settled,
    Started,
    Usage,
    Verdict,
)
from schemas.values.positions import everyone, places

TENANT = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
ROOT = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
CAMPAIGN = f"cmp_{ROOT}"
CHUNK = f"chk_{ROOT}_0_0"
NOW = 1_700_000_000_000
SIZE = 10
KEYRING = Keyring("k1", {"k1": bytes(range(32))})
SEALER = Sealer(KEYRING)


def arrivals(
    records: Sequence[Record], topic: str, *, partition: int = 0, first: int = 0, headers: Sequence[tuple[str, bytes]] = ()
) -> list[DecodedRecord]:
    """These records, one after the other in a partition."""
    return [
        DecodedRecord(ConsumerRecord(topic, partition, first + i, NOW, b"k", encode(record), headers), record)
        for i, record in enumerate(records)
    ]


def a_slice(**given: Any) -> Slice:
    """A chunk as the gateway cuts it."""
    size = given.get("size", SIZE)
    tenant, campaign = given.get("tenant", TENANT), given.get("campaign", CAMPAIGN)
    chunk = given.get("chunk", CHUNK)
    positions = given.get("positions", everyone(size))
    columns = Columns(
        to=array("Q", [491700000000 + p for p in range(positions.bit_count())]).tobytes(),
        refs=[f"ref-{p}" if p else None for p in range(positions.bit_count())],
    )
    key_id, sealed = SEALER.seal(columns, tenant=tenant, campaign=campaign, chunk=chunk)
    fields: dict[str, Any] = {
        "tenant": tenant,
        "campaign": campaign,
        "chunk": chunk,
        "part": 0,
        "size": size,
        "lane": "marketing",
        "send": 1,
        "positions": positions,
        "version": 1,
        "sender": "ACME",
        "body": "hello",
        "accepted_at": NOW,
        "due_at": NOW,
        "expires_at": NOW + 86_400_000,
        "indexes": array("I", range(positions.bit_count())).tobytes(),
        "key_id": key_id,
        "sealed": sealed,
        **given,
    }
    return Slice(**fields)


def an_envelope(**given: Any) -> Envelope:
    """An ingest record of one chunk."""
    return Envelope(slices=[a_slice(**given)])


def events(*changes: Change, at: int = NOW, **given: Any) -> MessageEvents:
    """Status changes of a chunk."""
    fields: dict[str, Any] = {
        "tenant": TENANT,
        "campaign": CAMPAIGN,
        "chunk": CHUNK,
        "part": 0,
        "size": SIZE,
        "lane": "marketing",
        "at": at,
        **given,
    }
    return MessageEvents(changes=list(changes), **fields)


def change(status: str, positions: int = everyone(SIZE), **given: Any) -> Change:
    """One status of some positions."""
    fields: dict[str, Any] = {"send": 1, "reason": "none", **given}
    return Change(status=status, positions=positions, **fields)


def started(positions: int = everyone(SIZE), **given: Any) -> Started:
    """Positions on their way to the carrier."""
    fields: dict[str, Any] = {
        "epoch": 0,
        "carrier": "acme",
        "tenant": TENANT,
        "campaign": CAMPAIGN,
        "chunk": CHUNK,
        "part": 0,
        "size": SIZE,
        "lane": "marketing",
        "send": 1,
        "round": 0,
        "price_class": 0,
        "attempts": 0,
        "dispatch_offset": 0,
        "at": NOW,
        **given,
    }
    return Started(positions=positions, **fields)


def settled(outcomes: dict[str, int], **given: Any) -> Settled:
    """Answers: outcome → positions."""
    whole = 0
    for positions in outcomes.values():
        whole |= positions
    chunk, send = given.get("chunk", CHUNK), given.get("send", 1)
    with_id = [p for p in range(SIZE) if (outcomes.get("sent", 0) | outcomes.get("partial", 0)) >> p & 1]
    fields: dict[str, Any] = {
        "epoch": 0,
        "carrier": "acme",
        "tenant": TENANT,
        "campaign": CAMPAIGN,
        "chunk": chunk,
        "part": 0,
        "size": SIZE,
        "lane": "marketing",
        "send": send,
        "round": 0,
        "price_class": 0,
        "attempts": 0,
        "positions": whole,
        "price": 700,
        "lease": None,
        "at": NOW,
        "indexes": array("I", range(whole.bit_count())).tobytes(),
        "segments": bytes([1]) * whole.bit_count(),
        "ids": "\n".join(f"{chunk}-{send}-{p}" for p in with_id),
        "to_hashes": array("q", [1000 + p for p in places(whole)]).tobytes(),
        "key_id": "",
        **given,
    }
    return Settled(
        verdicts=[Verdict(outcome=o, reason="none", code=None, positions=p) for o, p in outcomes.items()], **fields
    )


def held(**given: Any) -> Held:
    """A row that begins to wait for room; fields of the slice under `of`."""
    of = given.pop("of", {})
    fields: dict[str, Any] = {
        "hold": 0,
        "portion": 0,
        "reason": "room",
        "not_before": NOW,
        "cost": 700 * SIZE,
        "cheapest": 700,
        "at": NOW,
        **given,
    }
    slice_ = a_slice(**{"carrier": "acme", "price": 700, "segments": bytes([1]) * SIZE, **of})
    return Held(slice=slice_, **fields)


def released(positions: int, **given: Any) -> Released:
    """Positions that have left a row."""
    fields: dict[str, Any] = {"tenant": TENANT, "chunk": CHUNK, "send": 1, "hold": 0, "portion": 0, "at": NOW, **given}
    return Released(positions=positions, **fields)


def usage(charged: int = 0, refunded: int = 0, **given: Any) -> Usage:
    """Positions charged and given back, one segment each."""
    fields: dict[str, Any] = {
        "tenant": TENANT,
        "campaign": CAMPAIGN,
        "chunk": CHUNK,
        "size": SIZE,
        "round": 0,
        "price_class": 0,
        "price": 700,
        "segments": bytes([1]) * (charged | refunded).bit_count(),
        "lease": None,
        "at": NOW,
        **given,
    }
    return Usage(charged=charged, refunded=refunded, **fields)
