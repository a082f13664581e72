"""Messages that rest in `sent` longer than their carrier's `receipt_wait_seconds` get the reason `no_receipt`.

In: `awaited_receipts`, which the sink of message-events keeps. Out: `MessageEvents` with the same sequence as before and
the new reason, for exactly these positions, on `message-events-<lane>`. No public event: the message is not at its end and
no carrier has reported anything. A chunk is leased before its record is written, and its row goes when the sink has read
that record; killed in between, the lease ends after 30 s and the record is written again, which changes nothing. Once it is
acknowledged the row rests for ten minutes, so that a sink that is behind does not get ever more to read. A message that
has moved on meanwhile has a higher sequence, which wins in any order. Raises DatabaseDown or DeliveryError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

from connectors.releaser.leases import LEASE_MS, RowLeases
from infra.kafka.outbox import Outbox
from schemas.records.codec import encode
from schemas.records.topics import events
from schemas.records.wire import Change
from schemas.rules.message_end import message_events
from schemas.values.lanes import Lane
from schemas.values.positions import positions_of
from schemas.values.reasons import Reason
from schemas.values.status import Status

BATCH_CHUNKS = 200
REPEAT_MS = 600_000
FROM_US = [("x-from", b"releaser")]


class _Overdue(NamedTuple):
    """A row of `overdue`."""

    tenant: str
    chunk: str
    campaign: str | None
    part: int
    size: int
    lane: str
    carrier_number: int
    carrier: str
    send: int
    members: list[int]


async def mark_overdue(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> bool:
    """One burst, those that wait longest first; True when there was one. `now` in milliseconds."""
    at = now()
    ((any_awaited,),) = await leases.query("any_awaited", {})
    if not any_awaited:
        return False
    await leases.execute("overdue_lapsed", {"now": at, "limit": BATCH_CHUNKS})
    found = await leases.query(
        "overdue",
        {
            "second": at // 1000,
            "until": at + LEASE_MS,
            "limit": BATCH_CHUNKS,
            "sent": Status.SENT.rank,
            "missing": Reason.NO_RECEIPT.number,
        },
    )
    rows = [_Overdue(*columns) for columns in found]
    by_chunk = groupby(rows, key=lambda row: (row.tenant, row.chunk))
    await asyncio.gather(*(_send_overdue(outbox, at, list(group)) for _, group in by_chunk))
    if rows:
        tenants, chunks, carriers = zip(*sorted({(row.tenant, row.chunk, row.carrier_number) for row in rows}), strict=True)
        await leases.execute(
            "overdue_told",
            {
                "tenants": list(tenants),
                "chunks": list(chunks),
                "carriers": list(carriers),
                "leased": at + LEASE_MS,
                "until": at + REPEAT_MS,
            },
        )
    return bool(rows)


def _send_overdue(outbox: Outbox, at: int, rows: list[_Overdue]) -> asyncio.Future[int]:
    """One record for the rows of one chunk, each of a send and a carrier."""
    head = rows[0]
    changes = [
        Change(
            status=Status.SENT,
            send=row.send,
            positions=positions_of(row.members),
            reason=Reason.NO_RECEIPT,
            carrier=row.carrier,
        )
        for row in rows
    ]
    return outbox.send(events(Lane(head.lane)), head.chunk.encode(), encode(message_events(head, changes, at)), FROM_US)
