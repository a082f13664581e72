"""The records that travel through Kafka, as typed values; their wire form is in `avro/` and `codec.py`.

What enters and leaves is immutable. Positions are a set of the places 0..size-1 of a chunk, held as an `int` whose
bit p says that place p belongs to the set. Columns run in ascending order of the positions they speak of and are
packed little-endian: `indexes` uint32 (index of the message in its upload part), `segments` uint8. Times are
milliseconds since the epoch, amounts ten-thousandths of the currency. A record that breaks `size` or a column's length
is refused by `check_slice`, so that poison is found where it enters.
"""

from __future__ import annotations

from array import array
from enum import StrEnum

import msgspec

from schemas.lanes import Lane
from schemas.status import MAX_SEND

MAX_CHUNK = 500
_LANES = frozenset(Lane)


class RecordError(ValueError):
    """A record whose fields contradict each other; the message names the field."""


class Stage(StrEnum):
    """Where intake takes a slice up: a fresh chunk at its first step, one that returns at the step it needs again."""

    PARTITION = "partition"
    ROUTE = "route"


class Slice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Some positions of one chunk under one send number, with the columns of exactly these positions.

    A chunk as the gateway cuts it is the slice with all positions and send number 1. `sealed` holds a `Columns`
    (destinations, variables, client references), readable with the key named by `key_id`; it is empty where a record
    only speaks of positions. `carrier`, `price` (per segment) and `segments` are filled by intake. `holds`: how often
    these positions have left the waiting room under this send number (the releaser adds one); it is the hold number of
    the next `Held`, so that a second wait is a row of its own and a repeated record is not.
    """

    tenant: str
    campaign: str | None
    chunk: str
    part: int
    size: int
    lane: str
    send: int
    positions: int
    round: int = 0
    attempts: int = 0
    holds: int = 0
    version: int = 0
    stage: str = Stage.PARTITION
    sender: str
    body: str
    smart: bool = False
    accepted_at: int
    due_at: int
    expires_at: int
    first_failed_at: int | None = None
    grouping: int = 0
    digest: bytes | None = None
    indexes: bytes
    key_id: str
    sealed: bytes
    carrier: str | None = None
    price: int = 0
    lease: str | None = None
    segments: bytes = b""

    @property
    def count(self) -> int:
        """Number of messages this slice speaks of."""
        return self.positions.bit_count()


class Columns(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What identifies people, one entry per position of the slice; sealed as one block.

    `to`: packed uint64, E.164 digits as a number. `variables`: by name, one string or None (missing) per position.
    `refs`: the client references, or None when nobody has one.
    """

    to: bytes
    variables: dict[str, list[str | None]] = {}
    refs: list[str | None] | None = None


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
    attempts: int
    positions: int
    dispatch_offset: int
    at: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a carrier call came to, for the positions that share it.

    `outcome`: sent | failed | transient | uncertain | partial. `reason`: a `Reason` code. `code`: the carrier's own.
    """

    outcome: str
    reason: str
    code: str | None
    positions: int


class Settled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answers of one block, written after the carrier gave them.

    `ids`: for each position with outcome `sent` or `partial`, ascending: its carrier message ids, comma separated
    (one per segment); joined by newlines. `to_hashes`: 8 bytes for each `sent`, `partial` or `uncertain` position,
    ascending. `sealed_refs` (a sealed `Columns` with empty `to`): client references of all positions of the record,
    absent when there are none. `rest`: body and columns of exactly the positions that are not final (transient).
    """

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
    """A row of the waiting room: (chunk, send, hold) waits for `reason` until `not_before` at least.

    `cost`: price of all positions, `cheapest` of the cheapest one (0 when not priced yet). The slice travels
    whole when `send` > 1 or its columns differ from the stored payload; else `sealed` is empty and the payload of the
    chunk is used.
    """

    hold: int
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


class CarrierReceipts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Receipts of one carrier as columns; about one chunk and send when dispatch knew the messages, else `chunk` null.

    One entry per receipt, in the order of arrival: `ids` and `states` and `codes` joined by newlines, `done_at` int64
    milliseconds (0 = unknown), `to_hashes` 8 bytes. With a chunk also `places` uint16 positions, `indexes` uint32,
    `segments` uint8 (segments of the message) and `sealed_refs` (a sealed `Columns` with `refs` per entry).
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


class CampaignCommand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The full state of a campaign at `version`; the newest record of a key wins. `parts`: what `start` listed."""

    tenant: str
    campaign: str
    version: int
    status: str
    lane: str
    parts: list[int]
    at: int


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a chunk's retry round costs: positions newly charged and newly given back.

    `segments`: uint8 per position of `charged | refunded`, ascending; a position costs price x segments. `lease`: the
    allowance it was drawn on, if any; else it was reserved under (chunk, round). A position charged by accepted
    segments only (partial) carries these in `segments`.
    """

    tenant: str
    campaign: str | None
    chunk: str
    size: int
    round: int
    charged: int
    refunded: int
    price: int
    segments: bytes
    lease: str | None
    at: int


class DeliveryReceipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The public event: one carrier-reported or final state of one message. Price is a decimal string."""

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
    recorded_at: int
    sequence: int


Record = (
    Envelope | Owner | Started | Settled | Returned | Retry | Held | Released | MessageEvents | CarrierReceipts
    | CampaignCommand | Usage | DeliveryReceipt
)


def places(positions: int) -> list[int]:
    """The members of a position set, ascending.

    >>> places(0b1011)
    [0, 1, 3]
    """
    if positions & (positions + 1) == 0:
        return list(range(positions.bit_length()))
    return [p for p, bit in enumerate(reversed(bin(positions)[2:])) if bit == "1"]


def positions_of(members: list[int]) -> int:
    """The position set with these members.

    >>> bin(positions_of([0, 1, 3]))
    '0b1011'
    """
    row = bytearray(b"0" * ((max(members) + 1) if members else 1))
    for p in members:
        row[~p] = 49
    return int(row, 2)


def everyone(size: int) -> int:
    """The set of all positions of a chunk of this size."""
    return (1 << size) - 1


def ranks_within(whole: int, part: int) -> list[int]:
    """Where the members of `part` stand in columns that run over `whole` (a superset)."""
    if whole == part:
        return list(range(whole.bit_count()))
    return [i for i, p in enumerate(places(whole)) if part >> p & 1]


def pick_indexes(indexes: bytes, ranks: list[int]) -> bytes:
    """The entries at these ranks of a packed uint32 column."""
    column = array("I", indexes)
    return array("I", [column[i] for i in ranks]).tobytes()


def check_slice(slice_: Slice) -> None:
    """Raise RecordError unless sizes and columns agree; to be called where a slice enters a process."""
    if not 1 <= slice_.size <= MAX_CHUNK:
        raise RecordError(f"size: {slice_.size} is not within 1..{MAX_CHUNK}")
    if slice_.positions <= 0 or slice_.positions >> slice_.size:
        raise RecordError("positions: empty, or beyond the chunk's size")
    if not 1 <= slice_.send <= MAX_SEND:
        raise RecordError(f"send: {slice_.send} is not within 1..{MAX_SEND}")
    if slice_.lane not in _LANES:
        raise RecordError("lane: not one of ours")
    if len(slice_.indexes) != 4 * slice_.count:
        raise RecordError("indexes: length differs from the number of positions")
    if slice_.segments and len(slice_.segments) != slice_.count:
        raise RecordError("segments: length differs from the number of positions")
