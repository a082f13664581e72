"""The command `retry` of campaigns, worked off: messages that failed, expired or were never sent go to intake once more.

In: `campaign_retries`, the chunks' states and payloads. Out: `ingest-<lane>`, slices under their next send number,
acknowledged before the row moves on. What is produced is written into the row first (`plan`): killed between the two, the
next releaser produces exactly the same slices, which everybody recognises by (chunk, send number, position), though some of
them may have come to another end meanwhile. A paused campaign waits. Raises DatabaseDown or DeliveryError; the role tries
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from connectors.releaser.leases import LEASE_MS, RowLeases
from connectors.releaser.rows import each
from infra.kafka.outbox import Outbox
from infra.security.sealing import Sealer
from schemas.records.codec import encode
from schemas.records.slice import Slice, check_slice
from schemas.records.topics import ingest
from schemas.records.wire import Envelope
from schemas.rules.envelopes import group_slices
from schemas.rules.resend import RetryScope, positions_to_resend, slice_to_resend
from schemas.values.lanes import Lane
from schemas.values.positions import everyone

BATCH_CHUNKS = 256
PER_ENVELOPE = 32
FROM_US = [("x-from", b"releaser")]
PAYLOAD_COLUMNS = (
    "tenant",
    "chunk",
    "campaign",
    "part",
    "size",
    "lane",
    "sender",
    "body",
    "smart",
    "grouping",
    "accepted_at",
    "due_at",
    "expires_at",
    "indexes",
    "key_id",
    "sealed",
    "profile",
)


class _Open(NamedTuple):
    """A row of `retry_claim`."""

    tenant: str
    campaign: str
    number: int
    scope: str
    after: str
    plan: list[tuple[str, int, str]] | None
    version: int


class Planned(NamedTuple):
    """Positions of a chunk that go again under this send number."""

    chunk: str
    send: int
    positions: int


class Retries:
    """Works off the retries of all campaigns, a batch of chunks a turn."""

    def __init__(self, leases: RowLeases, outbox: Outbox, sealer: Sealer, now: Callable[[], int]) -> None:
        self._leases = leases
        self._outbox = outbox
        self._sealer = sealer
        self._now = now

    async def turn(self) -> bool:
        """One batch of the oldest retry; False when there is none."""
        now = self._now()
        found = await self._leases.query("retry_claim", {"now": now, "until": now + LEASE_MS})
        if not found:
            return False
        row = _Open(*found[0])
        which = {"tenant": row.tenant, "campaign": row.campaign, "number": row.number}
        after, ended, plan = row.after, False, [_read(*entry) for entry in row.plan or ()]
        if row.plan is None:
            after, ended, plan = await self._plan(row)
            written = msgspec.to_builtins([(p.chunk, p.send, f"{p.positions:x}") for p in plan])
            await self._leases.execute("retry_plan", which | {"plan": msgspec.json.encode(written).decode(), "after": after})
        if plan:
            await self._produce(row, plan)
        await self._leases.execute(
            "retry_advance", which | {"done": ended, "messages": sum(p.positions.bit_count() for p in plan)}
        )
        return True

    async def _plan(self, row: _Open) -> tuple[str, bool, list[Planned]]:
        """The last chunk of the next batch, whether it is the campaign's last one, and what goes again of it."""
        chunks = await self._leases.query(
            "retry_next", {"tenant": row.tenant, "campaign": row.campaign, "after": row.after, "limit": BATCH_CHUNKS}
        )
        plan = [
            Planned(chunk, send, positions)
            for chunk, sequences in chunks
            for send, positions in positions_to_resend(sequences, RetryScope(row.scope)).items()
        ]
        return (chunks[-1][0] if chunks else row.after), len(chunks) < BATCH_CHUNKS, plan

    async def _produce(self, row: _Open, plan: Sequence[Planned]) -> None:
        found = await self._leases.query(
            "retry_payloads", {"tenant": row.tenant, "chunks": sorted({planned.chunk for planned in plan})}
        )
        payloads = {slice_.chunk: slice_ for slice_ in each(found, _whole)}
        now = self._now()

        def make(planned: Planned) -> Slice:
            slice_ = slice_to_resend(payloads[planned.chunk], planned.send, row.version, now)
            return self._sealer.narrow(slice_, planned.positions)

        slices = each([planned for planned in plan if planned.chunk in payloads], make)
        await asyncio.gather(
            *(
                self._outbox.send(
                    ingest(Lane(group[0].lane)), row.campaign.encode(), encode(Envelope(slices=group)), FROM_US
                )
                for group in group_slices(slices, most=PER_ENVELOPE)
            )
        )


def _read(chunk: str, send: int, positions: str) -> Planned:
    return Planned(chunk, send, int(positions, 16))


def _whole(values: tuple[Any, ...]) -> Slice:
    columns = dict(zip(PAYLOAD_COLUMNS, values, strict=True))
    slice_ = Slice(**columns, send=1, positions=everyone(columns["size"]))
    check_slice(slice_)
    return slice_
