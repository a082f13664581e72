"""The public events of a slice that ends before or at the carrier: one `DeliveryReceipt` per message, with its headers.

In: a slice, its opened columns, the keyed hashes of its destinations, what became of it. Out: receipts in the order of the
positions; `event_headers` gives the CloudEvents 1.0 headers (Kafka binding, binary mode) of one. Deterministic but for
`recorded_at`, so a repeat has the same `ce_id`.
"""

from __future__ import annotations

from array import array
from datetime import UTC, datetime

from schemas.money import format_amount
from schemas.records import DeliveryReceipt
from schemas.slices import Columns, Slice
from schemas.status import Status, sequence

_FIXED: tuple[tuple[str, bytes], ...] = (
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/sluice"),
    ("ce_type", b"sluice.delivery-receipt.v1"),
    ("ce_datacontenttype", b"application/avro"),
    ("content-type", b"application/avro"),
)


def message_ids(campaign: str | None, chunk: str, part: int, indexes: bytes) -> list[str]:
    """The ids of the messages at these indexes of a part; a single message's id is its chunk's."""
    if campaign is None:
        return [chunk]
    prefix = f"msg_{campaign[4:]}_{part}_"
    return [f"{prefix}{index}" for index in array("I", indexes)]


def receipts_of(slice_: Slice, columns: Columns, to_hashes: bytes, *, status: Status, reason: str, occurred_at: int,
                recorded_at: int, send: int | None = None) -> list[DeliveryReceipt]:
    """One public event per position; `send`: under which number the state was reached (default: the slice's)."""
    number = sequence(slice_.send if send is None else send, status)
    ids = message_ids(slice_.campaign, slice_.chunk, slice_.part, slice_.indexes)
    refs = columns.refs or [None] * len(ids)
    return [
        DeliveryReceipt(
            message_id=message_id, campaign_id=slice_.campaign, tenant_id=slice_.tenant, client_ref=refs[i],
            to_hash=to_hashes[8 * i:8 * i + 8].hex(), channel="sms", carrier=slice_.carrier, status=status,
            reason=reason, carrier_code=None, carrier_message_id=None,
            segments=slice_.segments[i] if slice_.segments else None,
            price=format_amount(slice_.price * slice_.segments[i]) if slice_.segments else None,
            attempt=slice_.attempts, occurred_at=occurred_at, recorded_at=recorded_at, sequence=number)
        for i, message_id in enumerate(ids)
    ]


def event_headers(receipt: DeliveryReceipt) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of a public event; `ce_id` is message id and sequence, the same on every repeat."""
    moment = datetime.fromtimestamp(receipt.occurred_at / 1000, UTC).isoformat(timespec="milliseconds")
    return [
        *_FIXED,
        ("ce_id", f"{receipt.message_id}/{receipt.sequence}".encode()),
        ("ce_subject", receipt.message_id.encode()),
        ("ce_time", moment.replace("+00:00", "Z").encode()),
        ("ce_tenantid", receipt.tenant_id.encode()),
    ]
