"""The records that travel through Kafka, as typed values; their wire form is in `avro/` and `codec.py`.

What enters and leaves is immutable. Positions are a set of the places 0..size-1 of a chunk, held as an `int` whose bit p
says that place p belongs to the set. Columns run in ascending order of the positions they speak of and are packed
little-endian: `indexes` uint32 (index of the message in its upload part), `segments` uint8. Times are milliseconds since
the epoch, amounts ten-thousandths of the currency."""

from __future__ import annotations

import msgspec

from schemas.records.slice import Slice
from schemas.values.retry_strategy import RetryStrategy
from schemas.values.window import Window


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """1..n slices of one lane and one partition: what a record of `ingest-<lane>` and `dispatch-<lane>` holds."""

    slices: list[Slice]


class Owner(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A process has taken over this partition of the log of calls. Its epoch is this record's own offset."""

    owner: str
    lane: str
    at: int


class Started(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Dispatch is about to hand these positions to the carrier; written and acknowledged before the first byte."""

    epoch: int
    carrier: str
    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str
    send: int
    round: int
    price_class: int
    attempts: int
    positions: int
    dispatch_offset: int
    at: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a carrier call came to, for the positions that share it.

    `outcome`: a `CallOutcome`. `reason`: a `Reason` code.
    `code`: the carrier's own. `not_submitted` ends nothing: the carrier throttled it, or no byte left; it counts as never
    started, and the same owner, or the next, starts it again under the same send number. `unanswered` is uncertain for
    everybody who reads it, and ends nothing either: the same owner, or the next, starts it once more. An answer that comes
    later may stand behind `uncertain`. `transient` with the reason `throttled`: put off for its destination's sake, to be
    tried again without counting an attempt.
    """

    outcome: str
    reason: str
    code: str | None
    positions: int


class Settled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answers of one block, written after the carrier gave them.

    `ids`: for each position with outcome `sent` or `partial`, ascending: its carrier message ids, comma separated
    (one per segment); joined by newlines. `to_hashes`: 8 bytes for each position, ascending; empty when the
    destinations could not be read (then all have failed). `sealed_refs` (a sealed `Columns` with empty `to`): client
    references of all positions of the record, absent when there are none. `rest`: body and columns of exactly the
    positions that are not final (transient), and of those refused with a code that no table lists. `retry`: the strategy
    that was in force for these; absent: the installation's own."""

    epoch: int
    carrier: str
    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str
    send: int
    round: int
    price_class: int
    attempts: int
    positions: int
    price: int
    lease: str | None
    at: int
    verdicts: list[Verdict]
    indexes: bytes
    segments: bytes
    ids: str
    to_hashes: bytes
    key_id: str
    sealed_refs: bytes | None = None
    rest: Slice | None = None
    accepted_at: int = 0
    retry: RetryStrategy | None = None


class Returned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Positions that dispatch gives up without a call in flight: canceled, validity ended, carrier gone."""

    epoch: int
    carrier: str
    reason: str
    at: int
    rest: Slice


class Retry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A slice that goes back to intake no earlier than `not_before`."""

    not_before: int
    reason: str
    slice: Slice


class Held(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of the waiting room: (chunk, send, hold, portion) waits for `reason` until `not_before` at least.

    `hold`: how often these positions have waited before under this send number. `portion`: which part of the send it is,
    as several may wait at once; the same positions always have the same one. `cost`: price of all positions, `cheapest`
    of the cheapest one (0 when not priced yet). The slice travels whole when `send` > 1 or its columns differ from the
    stored payload; else `sealed` is empty and the payload of the chunk is used."""

    hold: int
    portion: int
    reason: str
    not_before: int
    cost: int
    cheapest: int
    at: int
    slice: Slice


class Released(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The releaser has taken these positions of a row out of the waiting room; written after they were produced."""

    tenant: str
    chunk: str
    send: int
    hold: int
    portion: int
    positions: int
    at: int


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One status for some positions of a chunk. `segments` (uint8 per position) only where it became known."""

    status: str
    send: int
    positions: int
    reason: str
    code: str | None = None
    carrier: str | None = None
    price: int = 0
    segments: bytes = b""


class MessageEvents(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Status changes of one chunk."""

    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str
    at: int
    changes: list[Change]


NO_TIME = -(1 << 63)
"""In a column of times: the carrier wrote none."""


class CarrierReceipts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Receipts of one carrier as columns; about one chunk and send when dispatch knew the messages, else `chunk` null.

    One entry per receipt, in the order of arrival: `ids` and `states` and `codes` joined by newlines, `done_at` int64
    milliseconds as the carrier wrote it (`NO_TIME`: nothing), `to_hashes` 8 bytes. With a chunk also `places` uint16
    positions, `indexes` uint32, `segments` uint8 (segments of the message) and `sealed_refs` (a sealed `Columns` with `refs`
    per entry). `done_texts`: what was written for a time and is none, joined by newlines. `accepted_at`: of the chunk.
    """

    carrier: str
    at: int
    count: int
    ids: str
    states: str
    codes: str
    done_at: bytes
    to_hashes: bytes
    tenant: str | None = None
    campaign: str | None = None
    chunk: str | None = None
    part: int = 0
    size: int = 0
    lane: str | None = None
    send: int = 0
    attempts: int = 0
    price: int = 0
    places: bytes = b""
    indexes: bytes = b""
    segments: bytes = b""
    key_id: str = ""
    sealed_refs: bytes | None = None
    done_texts: str = ""
    accepted_at: int = 0


class CampaignCommand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The full state of a campaign at `version`; the newest record of a key wins. `parts`: what `start` listed. `start_at`:
    nothing goes before; 0: no such time. `window`: its hours. `positions`: `campaign` is a chunk, and these are canceled."""

    tenant: str
    campaign: str
    version: int
    status: str
    lane: str
    parts: list[int]
    at: int
    started_at: int = 0
    start_at: int = 0
    window: Window | None = None
    positions: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a chunk's retry round costs: positions newly charged and newly given back.

    `segments`: uint8 per position of `charged | refunded`, ascending; a position costs price x segments. `lease`: the
    allowance it was drawn on, if any; else it was reserved under (chunk, round, price_class). A position charged by accepted
    segments only (partial) carries these in `segments`.
    """

    tenant: str
    campaign: str | None
    chunk: str
    size: int
    round: int
    price_class: int
    charged: int
    refunded: int
    price: int
    segments: bytes
    lease: str | None
    at: int


class DeliveryReceipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The public event: one carrier-reported or final state of one message. Price is a decimal string. `occurred_at`:
    when we learned of it; `carrier_at`: what the carrier wrote, read as UTC, however odd; `carrier_time`: the same as it was
    written, where it is no time."""

    message_id: str
    campaign_id: str | None
    tenant_id: str
    client_ref: str | None
    to_hash: str
    channel: str
    carrier: str | None
    status: str
    reason: str | None
    carrier_code: str | None
    carrier_message_id: str | None
    segments: int | None
    price: str | None
    attempt: int
    occurred_at: int
    carrier_at: int | None
    carrier_time: str | None
    recorded_at: int
    sequence: int


Record = (
    Envelope
    | Owner
    | Started
    | Settled
    | Returned
    | Retry
    | Held
    | Released
    | MessageEvents
    | CarrierReceipts
    | CampaignCommand
    | Usage
    | DeliveryReceipt
)
