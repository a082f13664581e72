"""The carriers of this pool: a session and a sender each, following the configuration while it changes.

In: rows of the configuration. Out: senders by carrier. How a session follows a changed row is said in `carrier_session.py`.
Of a carrier's `binds` the pool otp has one, bulk the others. A row whose settings can never work is logged; its carrier
goes on as before, or has no sender until the row is mended. Batches for a carrier without a sender wait a while for the
configuration to bring it, then go back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from connectors.carriers.registry import Registry
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.carrier_session import CarrierSession, MakeSender
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.send_batch import SendBatch
from infra.postgres.config_cache import CarrierRow
from schemas.values.lanes import Pool
from schemas.values.reasons import Reason

UNKNOWN_CARRIER_SECONDS = 10.0
log = structlog.get_logger()

MakeMatcher = Callable[[str], ReceiptMatcher]


class CarrierPool:
    """`make_sender(row, connection, matcher, wiring)` and `make_matcher(carrier)` come from the role."""

    def __init__(self, pool: Pool, make_sender: MakeSender, make_matcher: MakeMatcher, registry: Registry) -> None:
        self._pool = pool
        self._make_sender = make_sender
        self._make_matcher = make_matcher
        self._registry = registry
        self._sessions: dict[str, CarrierSession] = {}
        self._unplaced: list[tuple[float, OwnedPartition, SendBatch]] = []

    @property
    def senders(self) -> dict[str, CarrierSender]:
        """By carrier."""
        return {carrier: session.sender for carrier, session in self._sessions.items()}

    async def follow(self, rows: Mapping[str, CarrierRow]) -> None:
        """Open, change and close sessions as the rows say."""
        for carrier, row in rows.items():
            session = self._sessions.get(carrier)
            try:
                if session is None:
                    await self._open_session(row)
                else:
                    session.follow(row)
            except ValueError as fault:
                log.error(
                    "a carrier's settings cannot work; it is left out until they change",
                    action="carrier_refused",
                    carrier=carrier,
                    error=str(fault),
                )
        for carrier in [one for one in self._sessions if one not in rows]:
            await self._close_session(carrier)
        self.retry_unplaced()

    def enqueue(self, owned: OwnedPartition, batch: SendBatch) -> None:
        """Give a batch to its carrier's sender."""
        session = self._sessions.get(batch.messages.carrier)
        if session is None:
            self._unplaced.append((asyncio.get_running_loop().time() + UNKNOWN_CARRIER_SECONDS, owned, batch))
        else:
            session.sender.enqueue(QueuedBatch(owned, batch))

    def retry_unplaced(self) -> None:
        """Try the batches again whose carrier was not known; after a while they are handed back."""
        waiting, self._unplaced = self._unplaced, []
        now = asyncio.get_running_loop().time()
        for deadline, owned, batch in waiting:
            if owned.closed:
                continue
            if batch.messages.carrier in self._sessions or now < deadline:
                self.enqueue(owned, batch)
                if self._unplaced and self._unplaced[-1][2] is batch:
                    self._unplaced[-1] = (deadline, owned, batch)
            else:
                owned.hand_back(batch, Reason.NO_CARRIER)

    async def close(self, patience: float) -> None:
        """Close all sessions, within `patience` seconds."""
        closing = [asyncio.create_task(session.close()) for session in self._sessions.values()]
        if closing:
            await asyncio.wait(closing, timeout=patience)

    async def _open_session(self, row: CarrierRow) -> None:
        session = CarrierSession(row, self._pool, self._make_matcher(row.id), self._make_sender, self._registry)
        self._sessions[row.id] = session
        await session.open()

    async def _close_session(self, carrier: str) -> None:
        """Its row is gone: what waits is handed back as soon as nothing is in flight."""
        session = self._sessions.pop(carrier)
        sender = session.sender
        sender.drain()
        await session.close()
        sender.flush_outcomes()
        sender.queue.sweep(lambda _load: Reason.NO_CARRIER)
        log.info("a carrier was taken out of the configuration", action="carrier_gone", carrier=carrier)
