"""What is written when messages reach a state that the public hears of: the change of state, one public event for each
message, and what becomes of their money.

In: a slice, or the head and the columns of a block, with the state and its reason. Out: a `Change`, the bytes and headers of
`DeliveryReceipt`s, a `Usage`. Pure; times are milliseconds. Columns of another length than the positions raise ValueError or
IndexError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from schemas.records.receipt_encoder import Headers, Shared
from schemas.records.slice import Slice
from schemas.records.wire import Change, MessageEvents, Usage
from schemas.values.ids import message_ids
from schemas.values.reasons import Reason
from schemas.values.status import Status, sequence

PublicEvent = tuple[bytes, bytes, Headers]
"""Key, value and headers of a record of `delivery-receipts`."""

ENDED_STATUS: Mapping[Reason, Status] = MappingProxyType(
    {Reason.CANCELED: Status.CANCELED, Reason.VALIDITY_ENDED: Status.EXPIRED}
)
"""Reasons that end messages which nothing is wrong with; what ends for another reason before a call is rejected."""


class UsageHead(Protocol):
    """What a record of money says of the chunk that it is about."""

    @property
    def tenant(self) -> str: ...
    @property
    def campaign(self) -> str | None: ...
    @property
    def chunk(self) -> str: ...
    @property
    def size(self) -> int: ...


class ChunkHead(UsageHead, Protocol):
    """What every other record says of its chunk."""

    @property
    def part(self) -> int: ...
    @property
    def lane(self) -> str: ...


class Reservation(NamedTuple):
    """Under what messages were paid for: `price` of a segment, the allowance (`lease`) it was drawn on, if any."""

    round: int
    price_class: int
    price: int
    lease: str | None


class ReceiptColumns(NamedTuple):
    """What public events say of each message. `hashes`: 8 bytes each, or none at all; `times`: when it
    occurred, `carrier_times`: what the carrier wrote, as text where that is no time; a column that is None is null for
    all."""

    ids: Sequence[bytes]
    hashes: bytes
    times: Sequence[int]
    refs: Sequence[str | None] | None = None
    codes: Sequence[str | None] | None = None
    carrier_ids: Sequence[str | None] | None = None
    segments: Sequence[int | None] | None = None
    carrier_times: Sequence[int | str | None] | None = None

    def pick(self, ranks: Sequence[int]) -> ReceiptColumns:
        """The entries at these ranks."""
        hashes = self.hashes
        return ReceiptColumns(
            [self.ids[n] for n in ranks],
            b"".join([hashes[8 * n : 8 * n + 8] for n in ranks]),
            [self.times[n] for n in ranks],
            self.refs and [self.refs[n] for n in ranks],
            self.codes and [self.codes[n] for n in ranks],
            self.carrier_ids and [self.carrier_ids[n] for n in ranks],
            self.segments and [self.segments[n] for n in ranks],
            self.carrier_times and [self.carrier_times[n] for n in ranks],
        )


class PublicEvents:
    """The public events of the messages in these columns: as key, value and headers of each, or as records of Kafka's own
    format. Both say the same."""

    __slots__ = ("_columns", "_shared")

    def __init__(self, shared: Shared, columns: ReceiptColumns) -> None:
        self._shared = shared
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns.ids)

    def __iter__(self) -> Iterator[PublicEvent]:
        return self._shared.records(**self._columns._asdict())

    @property
    def keys(self) -> Sequence[bytes]:
        """The key of each."""
        return self._columns.ids

    def bodies(self) -> list[bytes]:
        """Each as a record of Kafka's format, from the key on. Columns of another length than the ids raise ValueError."""
        return self._shared.bodies(**self._columns._asdict())


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReached:
    """Messages of one chunk and send have reached `status`. `price` of a segment, None while not priced;
    `attempt`: how many calls were made for them; `at`: when that is written down; `accepted_at`: when the chunk
    was accepted, by the clock of whoever did. Clocks of hosts differ: what is told is never earlier."""

    head: ChunkHead
    send: int
    status: Status
    reason: Reason
    carrier: str | None
    price: int | None
    attempt: int
    at: int
    accepted_at: int

    def occurred(self, at: int) -> int:
        """What was noted at this time, by whatever clock, as subscribers are told: not before it was accepted, nor later
        than it is written down."""
        return max(self.accepted_at, min(at, self.at))

    def change(self, positions: int, *, code: str | None = None, price: int = 0, segments: bytes = b"") -> Change:
        """The change of state; `price` and `segments` only where they became known."""
        return Change(
            status=self.status,
            send=self.send,
            positions=positions,
            reason=self.reason,
            code=code,
            carrier=self.carrier,
            price=price,
            segments=segments,
        )

    def public_events(self, columns: ReceiptColumns) -> PublicEvents:
        """The public event of each message in these columns."""
        head = self.head
        shared = Shared(
            tenant=head.tenant,
            campaign=head.campaign,
            carrier=self.carrier,
            status=self.status,
            reason=None if self.reason is Reason.NONE else self.reason,
            price=self.price,
            attempt=self.attempt,
            recorded_at=max(self.at, self.accepted_at),
            sequence=sequence(self.send, self.status),
        )
        return PublicEvents(shared, columns)


class Recipients(NamedTuple):
    """What public events say of people: 8 bytes of keyed hash each, and client references, if there are any."""

    hashes: bytes
    refs: Sequence[str | None] | None


class SliceEnd(NamedTuple):
    """What the end of a slice writes."""

    change: Change
    refund: Usage | None
    public: PublicEvents


def end_slice(
    slice_: Slice,
    recipients: Recipients,
    *,
    reason: Reason,
    at: int,
    reserved: int,
    send: int | None = None,
    occurred_at: int | None = None,
) -> SliceEnd:
    """These messages are over before a call of theirs began. `reserved`: what was reserved for a segment and goes back, 0 if
    nothing was; `send`: under which number they end, if not the slice's own; `occurred_at`: if that was before `at`."""
    state = StateReached(
        head=slice_,
        send=slice_.send if send is None else send,
        status=ENDED_STATUS.get(reason, Status.REJECTED),
        reason=reason,
        carrier=slice_.carrier,
        price=slice_.price or None,
        attempt=slice_.attempts,
        at=at,
        accepted_at=slice_.accepted_at,
    )
    ids = message_ids(slice_.campaign, slice_.chunk, slice_.part, slice_.indexes)
    return SliceEnd(
        state.change(slice_.positions, price=slice_.price, segments=slice_.segments),
        usage_of(
            slice_,
            Reservation(slice_.round, slice_.price_class, reserved, slice_.lease),
            charged=0,
            refunded=slice_.positions,
            segments=slice_.segments,
            at=at,
        ),
        state.public_events(
            ReceiptColumns(
                ids,
                recipients.hashes,
                [state.occurred(at if occurred_at is None else occurred_at)] * len(ids),
                recipients.refs,
                segments=slice_.segments or None,
            )
        ),
    )


def usage_of(
    head: UsageHead, reservation: Reservation, *, charged: int, refunded: int, segments: bytes, at: int
) -> Usage | None:
    """What these positions cost, or give back; None for what is free. `segments`: of each of them."""
    if not reservation.price or not (charged or refunded):
        return None
    return Usage(
        tenant=head.tenant,
        campaign=head.campaign,
        chunk=head.chunk,
        size=head.size,
        round=reservation.round,
        price_class=reservation.price_class,
        charged=charged,
        refunded=refunded,
        price=reservation.price,
        segments=segments,
        lease=reservation.lease,
        at=at,
    )


def message_events(head: ChunkHead, changes: list[Change], at: int) -> MessageEvents:
    """The record of these changes of one chunk."""
    return MessageEvents(
        tenant=head.tenant,
        campaign=head.campaign,
        chunk=head.chunk,
        part=head.part,
        size=head.size,
        lane=head.lane,
        at=at,
        changes=changes,
    )
