"""What rows that wait for room at a carrier ask of it.

In: rows with their slices, the positions of each that may go. Out: the segments of these, requests for them. Pure.
"""

from __future__ import annotations

from connectors.releaser.rows import HeldRow
from infra.postgres.config_cache import CarrierRow
from infra.redis.carrier_capacity import CapacityRequest
from schemas.records.slice import Slice
from schemas.rules.narrow_rates import Bucket
from schemas.values.positions import ranks_within

Able = tuple[HeldRow, Slice, int, bytes]
"""A row with its slice, the positions that have room as far as senders and networks go, and their segments."""


def request_of(
    carrier: CarrierRow, lane: str, slice_: Slice, segments: bytes, cost: int, bucket: Bucket | None = None
) -> CapacityRequest:
    """Room for so much of these segments, in whole messages, at the carrier or in the bucket of a sender or network."""
    return CapacityRequest(
        carrier=carrier.id,
        lane=lane,
        chunk=slice_.chunk,
        send=slice_.send,
        cost=cost,
        rate=carrier.room_rate(lane) if bucket is None else bucket.rate,
        least=segments[0],
        further=True,
        bucket="" if bucket is None else bucket.name,
    )


def segments_of(slice_: Slice, positions: int) -> bytes:
    """Of these positions of it."""
    column = slice_.segments
    return column if positions == slice_.positions else bytes(column[i] for i in ranks_within(slice_.positions, positions))
