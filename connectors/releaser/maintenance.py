"""What the releaser does besides releasing, each about once a second and each safe to repeat:

- campaigns whose row is ahead of `campaign-commands` are published (their gateway died in between);
- parked receipts whose message became known go back to `carrier-receipts`; after 72 h they are forgotten;
- the money of uncertain messages is settled once no receipt is awaited any more (`usage`);
- allowances that nobody draws on any more end;
- chunks of keyed messages that the gateway kept until the sinks have them are forgotten;
- chunks of which canceled messages are over are looked for no more, and a week later their command ends too;
- messages that wait for their receipt long get rows by which it finds them (`ref_pages.py`).

Every record is acknowledged before the row that caused it is changed. Raises DatabaseDown or DeliveryError; the
role tries again. A row that fails of itself is logged and passed over.
"""

from __future__ import annotations

import asyncio
import struct
from array import array
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import Any, NamedTuple

import structlog

from connectors.releaser.leases import HERE, RowLeases
from connectors.releaser.ref_pages import place_refs
from infra.kafka.outbox import DeliveryError, Outbox
from infra.postgres.pool import DatabaseDown, execute, fetch_all
from infra.postgres.sql import load_sql
from schemas.records.codec import encode
from schemas.records.topics import CARRIER_RECEIPTS, COMMANDS, USAGE
from schemas.records.wire import CarrierReceipts
from schemas.rules.commands import CommandState, campaign_command
from schemas.rules.message_end import Reservation, usage_of
from schemas.values.foreign_text import CODE_LENGTH, ID_LENGTH, fit
from schemas.values.positions import places, positions_of
from schemas.values.status import FINAL, Status

PARKED_MS = 72 * 3_600_000
LATELY_MS = 60_000
"""Receipts that came within this time are looked at every second: their message is most likely on its way."""
SHARES = 31
"""Of the others each is looked at once in so many seconds. A prime, so that none is left out by whoever comes every other
second."""
MAY_WAIT_AGAIN = sorted(status.rank for status in Status if status not in FINAL and status is not Status.SENT)
"""States from which a message may come to wait here, again or for the first time."""
CANCELED_MS = 7 * 86_400_000
UNCONFIRMED_MS = 48 * 3_600_000
log = structlog.get_logger()


class _Uncertain(NamedTuple):
    """A row of `uncertain_due`. `round` is None where nothing was reserved."""

    tenant: str
    chunk: str
    send: int
    members: list[int]
    campaign: str | None
    round: int | None
    price_class: int
    price: int
    segments: bytes
    lease: str | None
    charge: bool
    size: int


async def publish_campaigns(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> None:
    """`campaign-commands` catches up with the rows."""

    async def publish(row: tuple[Any, ...]) -> None:
        tenant, campaign, state = row[0], row[1], CommandState(*row[2:])
        command = campaign_command(tenant, campaign, state, now())
        await outbox.send(COMMANDS, campaign.encode(), encode(command))
        await leases.execute("published", {"tenant": tenant, "campaign": campaign, "version": state.version})

    await _one_by_one(await leases.query("unpublished", {}), publish)


async def replay_parked(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> None:
    """Receipts that came before their message was known are looked at again, each with the time at which it came."""
    at = now()
    which = {"lately": at - LATELY_MS, "shares": SHARES, "share": at // 1000 % SHARES}
    rows = await leases.query("parked_found", which, by_index=True)
    for carrier, group in groupby(rows, key=lambda row: row[0]):
        receipts = list(group)
        records = [_receipts(carrier, list(some), came) for came, some in groupby(receipts, key=lambda row: row[7])]
        await asyncio.gather(*(outbox.send(CARRIER_RECEIPTS, carrier.encode(), encode(record)) for record in records))
        await leases.execute(
            "parked_done",
            {
                "carriers": [r[0] for r in receipts],
                "ids": [r[1] for r in receipts],
                "hashes": [r[2] for r in receipts],
                "states": [r[3] for r in receipts],
            },
        )
    await leases.execute("parked_forget", {"before": now() - PARKED_MS})


async def settle_uncertain(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> None:
    """Charge or give back, by the tenant's setting, what uncertain messages have reserved."""

    async def settle(columns: tuple[Any, ...]) -> None:
        row = _Uncertain(*columns)
        if row.round is not None:
            positions = positions_of(row.members)
            usage = usage_of(
                row,
                Reservation(row.round, row.price_class, row.price, row.lease),
                charged=positions if row.charge else 0,
                refunded=0 if row.charge else positions,
                segments=bytes(row.segments[p] for p in places(positions)),
                at=now(),
            )
            if usage is not None:
                await outbox.send(USAGE, row.chunk.encode(), encode(usage))
        await leases.execute(
            "uncertain_done", {"tenant": row.tenant, "chunk": row.chunk, "send": row.send, "positions": row.members}
        )

    await _one_by_one(await leases.query("uncertain_due", {"now": now()}), settle)


async def end_allowances(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> None:
    """Allowances whose time is over give back what is left of them."""
    await leases.execute("allowances_end", {"now": now()})


async def forget_confirmed(leases: RowLeases, _outbox: Outbox, now: Callable[[], int]) -> None:
    """What the gateway keeps in case it dies before Kafka has it ends once the sinks have it."""
    await leases.execute("confirmed_forget", {"before": now() - UNCONFIRMED_MS})


async def close_canceled(leases: RowLeases, _outbox: Outbox, now: Callable[[], int]) -> None:
    """Of canceled messages that are over nothing can wait any more."""
    await leases.execute("canceled_close", {"open": MAY_WAIT_AGAIN})


async def forget_canceled(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> None:
    """A week after the last of a chunk's canceled messages was over nothing can come that its command would stop: no
    message is valid that long. The row is locked meanwhile, so that another cancel comes behind the end, under a new
    row."""
    async with leases.transaction() as connection:
        given = {"before": now() - CANCELED_MS}
        over = await fetch_all(connection, load_sql(HERE, "canceled_over"), given)
        await asyncio.gather(*(outbox.send(COMMANDS, chunk.encode(), None) for _, chunk in over))
        columns = {"tenants": [tenant for tenant, _ in over], "chunks": [chunk for _, chunk in over]}
        await execute(connection, load_sql(HERE, "canceled_forget"), columns)


MAINTENANCE = (
    publish_campaigns,
    replay_parked,
    settle_uncertain,
    end_allowances,
    forget_confirmed,
    place_refs,
    close_canceled,
    forget_canceled,
)


async def do_maintenance(leases: RowLeases, outbox: Outbox, now: Callable[[], int]) -> None:
    """Those that have anything to work on, side by side; the first fault is raised once all have ended."""
    (due,) = await leases.query("due", {"now": now(), "canceled_before": now() - CANCELED_MS})
    tasks = [task for task, some in zip(MAINTENANCE, due, strict=True) if some]
    results = await asyncio.gather(*(task(leases, outbox, now) for task in tasks), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _one_by_one(rows: list[tuple[Any, ...]], act: Callable[[tuple[Any, ...]], Awaitable[None]]) -> None:
    for row in rows:
        try:
            await act(row)
        except (DatabaseDown, DeliveryError):
            raise
        except Exception as fault:  # noqa: BLE001  why: whatever is wrong with one row, the others must go on
            log.error(
                "a row cannot be dealt with; it stays",
                action="row_stays",
                row=f"{row[0]} {row[1]}",
                fault=f"{type(fault).__name__}: {fault}"[:300],
            )


def _receipts(carrier: str, rows: list[tuple[Any, ...]], at: int) -> CarrierReceipts:
    return CarrierReceipts(
        carrier=carrier,
        at=at,
        count=len(rows),
        ids="\n".join(fit(r[1], ID_LENGTH) for r in rows),
        states="\n".join(fit(r[3], CODE_LENGTH) for r in rows),
        codes="\n".join(fit(r[4], CODE_LENGTH) for r in rows),
        done_at=array("q", [r[5] for r in rows]).tobytes(),
        done_texts="\n".join(fit(r[6], CODE_LENGTH) for r in rows) if any(r[6] for r in rows) else "",
        to_hashes=b"".join(struct.pack("<q", r[2]) for r in rows),
    )
