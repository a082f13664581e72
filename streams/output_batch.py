"""What one burst writes, gathered so that few records leave: one record of events per chunk, slices for the same carrier
together in envelopes.

In: changes, slices, usage, ends of messages. Out: the outputs in a fixed order, the same for the same burst: dispatch first
(it is what people wait for), then the rest. Nothing can go wrong here that is not a fault of the caller.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Protocol

from schemas.records.codec import encode
from schemas.records.receipt_encoder import Headers, Shared
from schemas.records.slice import ENVELOPE_BYTES, Slice
from schemas.records.topics import DELIVERY_RECEIPTS, HELD, USAGE, dispatch, events, retry
from schemas.records.wire import Change, Envelope, Held, MessageEvents, Retry, Usage
from schemas.values.lanes import Lane
from schemas.values.positions import places
from schemas.values.status import Status, sequence
from streams.handler import Output

FROM_US = [("x-from", b"streams")]
PER_ENVELOPE = 64


class Head(Protocol):
    """What every record about a chunk says of it."""

    @property
    def tenant(self) -> str: ...
    @property
    def campaign(self) -> str | None: ...
    @property
    def chunk(self) -> str: ...
    @property
    def part(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def lane(self) -> str: ...


class OutputBatch:
    """The outputs of one burst at `now` (milliseconds)."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._changes: dict[tuple[str, str], tuple[Head, list[Change]]] = {}
        self._slices: dict[tuple[str, int], list[Slice]] = {}
        self._others: list[Output] = []

    def change(self, head: Head, status: Status, send: int, positions: int, reason: str, *, code: str | None = None,
               carrier: str | None = None, price: int = 0, segments: bytes = b"") -> None:
        """A new status for some positions of a chunk."""
        self._changes.setdefault((head.tenant, head.chunk), (head, []))[1].append(Change(
            status=status, send=send, positions=positions, reason=reason, code=code, carrier=carrier, price=price,
            segments=segments))

    def dispatch(self, slice_: Slice, partition: int) -> None:
        """A slice for a carrier, whose partition this is."""
        self._slices.setdefault((slice_.lane, partition), []).append(slice_)

    def hold(self, slice_: Slice, reason: str, until: int) -> None:
        """A slice into the waiting room."""
        segments = slice_.segments
        record = Held(hold=slice_.holds, portion=portion(slice_.positions), reason=reason, not_before=until,
                      cost=slice_.price * sum(segments), cheapest=slice_.price * min(segments, default=0),
                      at=self.now, slice=slice_)
        self._others.append(Output(HELD, slice_.chunk.encode(), encode(record), FROM_US))

    def retry(self, slice_: Slice, reason: str, not_before: int) -> None:
        """A slice that goes back to intake later."""
        record = Retry(not_before=not_before, reason=reason, slice=slice_)
        self._others.append(Output(retry(Lane(slice_.lane)), slice_.chunk.encode(), encode(record), FROM_US))

    def usage(self, head: Head, *, round_: int, price_class: int, charged: int, refunded: int, price: int, segments: bytes,
              lease: str | None) -> None:
        """What some positions cost, or give back; nothing for what was free."""
        if price and (charged or refunded):
            record = Usage(tenant=head.tenant, campaign=head.campaign, chunk=head.chunk, size=head.size, round=round_,
                           price_class=price_class, charged=charged, refunded=refunded, price=price, segments=segments, lease=lease, at=self.now)
            self._others.append(Output(USAGE, head.chunk.encode(), encode(record), FROM_US))

    def public(self, records: Iterable[tuple[bytes, bytes, Headers]]) -> None:
        """The public events of some messages, as `Shared.records` gives them."""
        # Three times as fast as Output(...), and this is done once per message.
        self._others += [tuple.__new__(Output, (DELIVERY_RECEIPTS, *record, -1)) for record in records]

    def shared(self, head: Head, status: Status, send: int, reason: str, *, carrier: str | None, price: int | None,
               attempt: int) -> Shared:
        """What the public events of a chunk's messages have in common."""
        return Shared(tenant=head.tenant, campaign=head.campaign, carrier=carrier, status=status,
                      reason=None if reason == "none" else reason, price=price, attempt=attempt, recorded_at=self.now,
                      sequence=sequence(send, status))

    def outputs(self) -> list[Output]:
        """Everything gathered."""
        out: list[Output] = []
        for (lane, partition), slices in self._slices.items():
            key = str(partition).encode()
            out += [Output(dispatch(Lane(lane)), key, encode(Envelope(slices=group)), FROM_US, partition)
                    for group in _groups(slices)]
        for head, changes in self._changes.values():
            record = MessageEvents(tenant=head.tenant, campaign=head.campaign, chunk=head.chunk, part=head.part,
                                   size=head.size, lane=head.lane, at=self.now, changes=changes)
            out.append(Output(events(Lane(head.lane)), head.chunk.encode(), encode(record), FROM_US))
        return out + self._others


def portion(positions: int) -> int:
    """Which part of a send this is: the lowest of its positions and 11 bits of the set.

    The waiting room keeps the first row of (send, hold, portion). Several parts of a send may wait at once (for money and
    for room, at two carriers, given back in pieces), and a repeat may cut otherwise than the first time.
    """
    lowest = (positions & -positions).bit_length() - 1
    check = zlib.crc32(positions.to_bytes((positions.bit_length() + 7) // 8, "little")) & 0x7FF
    return lowest << 11 | check


def ranks(whole: int, part: int) -> list[tuple[int, int]]:
    """(place in a column over `whole`, position) of each member of `part`."""
    return [(rank, p) for rank, p in enumerate(places(whole)) if part >> p & 1]


def _groups(slices: list[Slice]) -> list[list[Slice]]:
    """Runs that fit into one record."""
    groups: list[list[Slice]] = []
    room = 0
    for slice_ in slices:
        if not groups or len(groups[-1]) >= PER_ENVELOPE or room < slice_.weight:
            groups.append([])
            room = ENVELOPE_BYTES
        groups[-1].append(slice_)
        room -= slice_.weight
    return groups
