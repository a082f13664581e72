"""Rows of the waiting room go on: to intake, to a carrier, or to their end.

In: leased rows. Out, acknowledged before a row is marked: `ingest-<lane>` (what may go by the will of its sender and the
clock, rows with a credit), `dispatch-<lane>` and `queued` events (rows with room), final events with public receipts and
refunds (canceled, expired), and a `Released` for each. Killed at any point, the lease ends and the rows are taken again:
intake and dispatch know (chunk, send, position) and do nothing twice. A row that fails of itself (a payload that does not
open, columns that disagree) stays, leased out, and is logged; the others go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from connectors.releaser.leases import RowLeases
from connectors.releaser.rows import HeldRow, complete, each
from infra.kafka.outbox import Outbox
from infra.security.sealing import Sealer
from schemas.records.codec import encode
from schemas.records.slice import Slice
from schemas.records.topics import DELIVERY_RECEIPTS, HELD, USAGE, dispatch_of, events, ingest
from schemas.records.wire import Change, Envelope, Released, Usage
from schemas.rules.envelopes import group_slices
from schemas.rules.message_end import PublicEvent, Recipients, end_slice, message_events
from schemas.rules.retry import slice_given_back
from schemas.values.lanes import Lane
from schemas.values.reasons import Reason
from schemas.values.status import Status

PER_ENVELOPE = 32
UNPAID = frozenset({Reason.DRAFT, Reason.BALANCE, Reason.CAP})
"""Reasons of rows for which nothing is reserved."""
FROM_US = [("x-from", b"releaser")]


class Release:
    """Produces for leased rows and marks them."""

    def __init__(self, leases: RowLeases, outbox: Outbox, sealer: Sealer, now: Callable[[], int]) -> None:
        self._leases = leases
        self._outbox = outbox
        self._sealer = sealer
        self._now = now

    async def to_next_carrier(self, rows: Sequence[HeldRow]) -> None:
        """Intake chooses another carrier for these rows, under their next send number."""
        await self.to_intake(rows, slice_given_back)

    async def to_intake(self, rows: Sequence[HeldRow], make: Callable[[Slice], Slice] = lambda slice_: slice_) -> None:
        """Intake looks at these rows again: at fresh chunks, or at what it has counted before. `make`: what it gets of
        each."""
        whole = [
            (row, make(msgspec.structs.replace(slice_, version=max(row.version, slice_.version))))
            for row, slice_ in await self.complete(rows)
        ]
        acks = []
        for group in group_slices((slice_ for _, slice_ in whole), most=PER_ENVELOPE, key=_key):
            acks.append(
                self._outbox.send(
                    ingest(Lane(group[0].lane)), _key(group[0]).encode(), encode(Envelope(slices=group)), FROM_US
                )
            )
        await asyncio.gather(*acks)
        await self._finish([(row, row.leaving) for row, _ in whole])

    async def to_carrier(
        self, granted: Sequence[tuple[HeldRow, Slice, int]], partition: int, *, one_process: bool = False
    ) -> None:
        """These slices have room: on to dispatch. Each comes with its row and the positions that leave the row.
        `one_process`: of the pool otp carries all lanes of this carrier."""
        acks = []
        for group in group_slices((slice_ for _, slice_, _ in granted), most=PER_ENVELOPE):
            acks.append(
                self._outbox.send(
                    dispatch_of(Lane(group[0].lane), one_process=one_process),
                    str(partition).encode(),
                    encode(Envelope(slices=group)),
                    FROM_US,
                    partition,
                )
            )
        acks += [self._send_change(slice_, _queued(slice_)) for _, slice_, _ in granted]
        await asyncio.gather(*acks)
        await self._finish([(row, positions) for row, _, positions in granted])

    async def to_end(self, rows: Sequence[HeldRow], reason: Reason) -> None:
        """These rows are over before they were sent: canceled or expired."""
        ended = each(await self.complete(rows), lambda pair: (*pair, *self._end(*pair, reason)))
        acks: list[asyncio.Future[int]] = []
        for _, slice_, change, refund, public in ended:
            acks.append(self._send_change(slice_, change))
            acks += [self._outbox.send(DELIVERY_RECEIPTS, *event) for event in public]
            if refund is not None:
                acks.append(self._outbox.send(USAGE, refund.chunk.encode(), encode(refund), FROM_US))
        await asyncio.gather(*acks)
        await self._finish([(row, row.leaving) for row, *_ in ended])

    async def complete(self, rows: Sequence[HeldRow]) -> list[tuple[HeldRow, Slice]]:
        """The rows' slices with columns; rows whose positions were all started already are struck out."""
        await self._finish([(row, row.leaving) for row in rows if not row.leaving & ~row.started])
        return each([row for row in rows if row.leaving & ~row.started], lambda row: (row, complete(row, self._sealer)))

    async def _finish(self, taken: list[tuple[HeldRow, int]]) -> None:
        if not taken:
            return
        now = self._now()
        await asyncio.gather(
            *(
                self._outbox.send(
                    HELD,
                    row.chunk.encode(),
                    encode(
                        Released(
                            tenant=row.tenant,
                            chunk=row.chunk,
                            send=row.send,
                            hold=row.hold,
                            portion=row.portion,
                            positions=positions,
                            at=now,
                        )
                    ),
                    FROM_US,
                )
                for row, positions in taken
                if positions
            )
        )
        await self._leases.mark(taken)

    def _send_change(self, slice_: Slice, change: Change) -> asyncio.Future[int]:
        record = message_events(slice_, [change], self._now())
        return self._outbox.send(events(Lane(slice_.lane)), slice_.chunk.encode(), encode(record), FROM_US)

    def _end(self, row: HeldRow, slice_: Slice, reason: Reason) -> tuple[Change, Usage | None, list[PublicEvent]]:
        """What the end of these messages writes. Raises UnsealError."""
        columns = self._sealer.open(slice_)
        recipients = Recipients(self._sealer.hash_destinations(columns.to), columns.refs)
        end = end_slice(
            slice_, recipients, reason=reason, at=self._now(), reserved=0 if row.reason in UNPAID else slice_.price
        )
        return end.change, end.refund, list(end.public)


def _queued(slice_: Slice) -> Change:
    return Change(
        status=Status.QUEUED,
        send=slice_.send,
        positions=slice_.positions,
        reason=Reason.NONE,
        carrier=slice_.carrier,
        price=slice_.price,
        segments=slice_.segments,
    )


def _key(slice_: Slice) -> str:
    return slice_.campaign or slice_.chunk
