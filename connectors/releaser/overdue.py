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
from typing import Any

from connectors.releaser.leases import LEASE_MS, RowLeases
from infra.kafka.outbox import Outbox
from schemas.records.codec import encode
from schemas.records.topics import events
from schemas.records.wire import Change, MessageEvents
from schemas.values.lanes import Lane
from schemas.values.positions import positions_of
from schemas.values.reasons import Reason
from schemas.values.status import Status

BURST_CHUNKS = 200
REPEAT_MS = 600_000
FROM_US = [("x-from", b"releaser")]


async def mark_overdue(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> bool:
    """One burst, those that wait longest first; True when there was one. `now` in milliseconds."""
    at = now()
    await leases.execute("overdue_lapsed", {"now": at, "limit": BURST_CHUNKS})
    rows = await leases.query(
        "overdue",
        {
            "second": at // 1000,
            "until": at + LEASE_MS,
            "limit": BURST_CHUNKS,
            "sent": Status.SENT.rank,
            "missing": Reason.NO_RECEIPT.number,
        },
    )
    await asyncio.gather(*(_send_overdue(outbox, at, list(group)) for _, group in groupby(rows, key=lambda row: row[:2])))
    if rows:
        tenants, chunks, carriers = zip(*sorted({(row[0], row[1], row[6]) for row in rows}), strict=True)
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


def _send_overdue(outbox: Outbox, at: int, rows: list[tuple[Any, ...]]) -> asyncio.Future[int]:
    """One record for the rows of one chunk, each of a send and a carrier."""
    tenant, chunk, campaign, part, size, lane, *_ = rows[0]
    record = MessageEvents(
        tenant=tenant,
        campaign=campaign,
        chunk=chunk,
        part=part,
        size=size,
        lane=lane,
        at=at,
        changes=[
            Change(status=Status.SENT, send=send, positions=positions_of(members), reason=Reason.NO_RECEIPT, carrier=carrier)
            for *_, _number, carrier, send, members in rows
        ],
    )
    return outbox.send(events(Lane(lane)), chunk.encode(), encode(record), FROM_US)
