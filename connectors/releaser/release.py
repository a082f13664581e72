"""Rows of the waiting room go on: to intake, to a carrier, or to their end.

In: leased rows. Out, acknowledged before a row is marked: `ingest-<lane>` (drafts of started campaigns, rows with a
credit), `dispatch-<lane>` and `queued` events (rows with room), final events with public receipts and refunds (canceled,
expired), and a `Released` for each. Killed at any point, the lease ends and the rows are taken again: intake and dispatch
know (chunk, send, position) and do nothing twice. A row that fails of itself (a payload that does not open, columns that
disagree) stays, leased out, and is logged; the others go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from connectors.releaser.claims import Claims
from connectors.releaser.rows import HeldRow, complete, each
from infra.kafka.outbox import Outbox
from infra.security.sealing import Sealer
from schemas.records.codec import encode
from schemas.records.receipt_encoder import Headers, Shared
from schemas.records.slice import ENVELOPE_BYTES, ResumeAt, Slice
from schemas.records.topics import DELIVERY_RECEIPTS, HELD, USAGE, dispatch, events, ingest
from schemas.records.wire import Change, Envelope, MessageEvents, Released, Usage
from schemas.values.ids import message_ids
from schemas.values.lanes import Lane
from schemas.values.status import Status, sequence

PER_ENVELOPE = 32
UNPAID = frozenset({"draft", "campaign_unknown", "balance"})
FROM_US = [("x-from", b"releaser")]


class Release:
    """Produces for leased rows and marks them."""

    def __init__(self, claims: Claims, outbox: Outbox, sealer: Sealer, now: Callable[[], int]) -> None:
        self._claims = claims
        self._outbox = outbox
        self._sealer = sealer
        self._now = now

    async def to_intake(self, rows: Sequence[HeldRow], stage: ResumeAt) -> None:
        """Intake looks at these rows again, from this stage on."""
        whole = [(row, msgspec.structs.replace(slice_, resume_at=stage, version=max(row.version, slice_.version)))
                 for row, slice_ in await self.complete(rows)]
        acks = []
        for group in _groups([slice_ for _, slice_ in whole], same_campaign=True):
            acks.append(self._outbox.send(ingest(Lane(group[0].lane)), _key(group[0]).encode(),
                                          encode(Envelope(slices=group)), FROM_US))
        await asyncio.gather(*acks)
        await self._finish([(row, row.positions) for row, _ in whole])

    async def to_carrier(self, granted: Sequence[tuple[HeldRow, Slice, int]], partition: int) -> None:
        """These slices have room: on to dispatch. Each comes with its row and the positions that leave the row."""
        acks = []
        for group in _groups([slice_ for _, slice_, _ in granted], same_campaign=False):
            acks.append(self._outbox.send(dispatch(Lane(group[0].lane)), str(partition).encode(),
                                          encode(Envelope(slices=group)), FROM_US, partition))
        acks += [self._event(slice_, Status.QUEUED, "none") for _, slice_, _ in granted]
        await asyncio.gather(*acks)
        await self._finish([(row, positions) for row, _, positions in granted])

    async def to_end(self, rows: Sequence[HeldRow], status: Status, reason: str) -> None:
        """These rows are over before they were sent: canceled or expired."""
        ended = each(await self.complete(rows), lambda pair: (*pair, self._receipts(pair[1], status, reason)))
        acks: list[asyncio.Future[int]] = []
        for row, slice_, receipts in ended:
            acks.append(self._event(slice_, status, reason))
            acks += [self._outbox.send(DELIVERY_RECEIPTS, *receipt) for receipt in receipts]
            if row.reason not in UNPAID:
                acks.append(self._refund(slice_))
        await asyncio.gather(*acks)
        await self._finish([(row, row.positions) for row, *_ in ended])

    async def complete(self, rows: Sequence[HeldRow]) -> list[tuple[HeldRow, Slice]]:
        """The rows' slices with columns; rows whose positions were all started already are struck out."""
        await self._finish([(row, row.positions) for row in rows if not row.positions & ~row.started])
        return each([row for row in rows if row.positions & ~row.started], lambda row: (row, complete(row, self._sealer)))

    async def _finish(self, taken: list[tuple[HeldRow, int]]) -> None:
        if not taken:
            return
        now = self._now()
        await asyncio.gather(*(
            self._outbox.send(HELD, row.chunk.encode(), encode(Released(
                tenant=row.tenant, chunk=row.chunk, send=row.send, hold=row.hold, portion=row.portion, positions=positions, at=now)),
                FROM_US)
            for row, positions in taken if positions))
        await self._claims.mark(taken)

    def _event(self, slice_: Slice, status: Status, reason: str) -> asyncio.Future[int]:
        change = Change(status=status, send=slice_.send, positions=slice_.positions, reason=reason,
                        carrier=slice_.carrier, price=slice_.price, segments=slice_.segments)
        record = MessageEvents(tenant=slice_.tenant, campaign=slice_.campaign, chunk=slice_.chunk, part=slice_.part,
                               size=slice_.size, lane=slice_.lane, at=self._now(), changes=[change])
        return self._outbox.send(events(Lane(slice_.lane)), slice_.chunk.encode(), encode(record), FROM_US)

    def _receipts(self, slice_: Slice, status: Status, reason: str) -> list[tuple[bytes, bytes, Headers]]:
        """The public events of these messages. Raises UnsealError."""
        columns = self._sealer.open(slice_)
        hashes = self._sealer.hash_destinations(columns.to)
        now = self._now()
        shared = Shared(tenant=slice_.tenant, campaign=slice_.campaign, carrier=slice_.carrier, status=status,
                        reason=reason, price=slice_.price or None, attempt=slice_.attempts, recorded_at=now,
                        sequence=sequence(slice_.send, status))
        ids = message_ids(slice_.campaign, slice_.chunk, slice_.part, slice_.indexes)
        return list(shared.records(ids, hashes=hashes, times=[now] * len(ids), refs=columns.refs,
                                   segments=slice_.segments or None))

    def _refund(self, slice_: Slice) -> asyncio.Future[int]:
        record = Usage(tenant=slice_.tenant, campaign=slice_.campaign, chunk=slice_.chunk, size=slice_.size,
                       round=slice_.round, price_class=slice_.price_class, charged=0, refunded=slice_.positions, price=slice_.price,
                       segments=slice_.segments, lease=slice_.lease, at=self._now())
        return self._outbox.send(USAGE, slice_.chunk.encode(), encode(record), FROM_US)


def _groups(slices: Sequence[Slice], *, same_campaign: bool) -> list[list[Slice]]:
    """Runs of slices of one lane that may share a record; `same_campaign`: and one key."""
    groups: list[list[Slice]] = []
    room = 0
    for slice_ in slices:
        last = groups[-1][0] if groups else None
        room -= slice_.weight
        fits = last is not None and last.lane == slice_.lane and len(groups[-1]) < PER_ENVELOPE and room >= 0
        if last is not None and fits and (not same_campaign or _key(last) == _key(slice_)):
            groups[-1].append(slice_)
        else:
            groups.append([slice_])
            room = ENVELOPE_BYTES - slice_.weight
    return groups


def _key(slice_: Slice) -> str:
    return slice_.campaign or slice_.chunk
