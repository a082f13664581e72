"""The carriers of this pool: a line and an sender each, following the configuration while it changes.

In: rows of the configuration. Out: senders by carrier. How a line takes a changed row over stands in `lines.py`. Of a
carrier's `binds` the pool otp has one, bulk the others. A row whose settings can never work is logged; its carrier goes on
as before, or has no sender until the row is mended. Loads for a carrier without an sender wait a while for the
configuration to show it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from connectors.dispatch.batch_queue import QueuedBatch
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.carrier_session import CarrierSession, Connect, MakeSender, connect_smpp
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.send_batch import SendBatch
from infra.postgres.config_cache import CarrierRow
from schemas.values.lanes import Pool
from schemas.values.reasons import Reason

UNKNOWN_SECONDS = 10.0
log = structlog.get_logger()

MakeMatcher = Callable[[str], ReceiptMatcher]


class CarrierPool:
    """`make_engine(row, connection, matcher, window)` and `make_desk(carrier)` come from the role."""

    def __init__(self, pool: Pool, make_engine: MakeSender, make_desk: MakeMatcher, connect: Connect | None = None) -> None:
        self._pool = pool
        self._make_sender = make_engine
        self._make_matcher = make_desk
        self._connect = connect or connect_smpp
        self._lines: dict[str, CarrierSession] = {}
        self._unplaced: list[tuple[float, OwnedPartition, SendBatch]] = []

    @property
    def senders(self) -> dict[str, CarrierSender]:
        """By carrier."""
        return {carrier: line.sender for carrier, line in self._lines.items()}

    async def follow(self, rows: Mapping[str, CarrierRow]) -> None:
        """Make the carrier_pool what the rows say."""
        for carrier, row in rows.items():
            line = self._lines.get(carrier)
            try:
                if line is None:
                    await self._begin(row)
                else:
                    line.follow(row)
            except ValueError as fault:
                log.error("a carrier's settings cannot work; it is left out until they change", action="carrier_refused",
                          carrier=carrier, error=str(fault))
        for carrier in [one for one in self._lines if one not in rows]:
            await self._end(carrier)
        self.place_again()

    def place(self, owned: OwnedPartition, load: SendBatch) -> None:
        """Give a load to its carrier."""
        line = self._lines.get(load.facts.carrier)
        if line is None:
            self._unplaced.append((asyncio.get_running_loop().time() + UNKNOWN_SECONDS, owned, load))
        else:
            line.sender.add(QueuedBatch(owned, load))

    def place_again(self) -> None:
        """Loads whose carrier was not known; after a while they go back."""
        waiting, self._unplaced = self._unplaced, []
        now = asyncio.get_running_loop().time()
        for deadline, owned, load in waiting:
            if owned.closed:
                continue
            if load.facts.carrier in self._lines or now < deadline:
                self.place(owned, load)
                if self._unplaced and self._unplaced[-1][2] is load:
                    self._unplaced[-1] = (deadline, owned, load)
            else:
                owned.give_up(load, Reason.NO_CARRIER)

    async def close(self, patience: float) -> None:
        """Take leave of all carriers within so many seconds."""
        closing = [asyncio.create_task(line.close()) for line in self._lines.values()]
        if closing:
            await asyncio.wait(closing, timeout=patience)

    async def _begin(self, row: CarrierRow) -> None:
        line = CarrierSession(row, self._pool, self._make_matcher(row.id), self._make_sender, self._connect)
        self._lines[row.id] = line
        await line.open()

    async def _end(self, carrier: str) -> None:
        """Its messages go back as soon as nothing is in flight; the table's row is gone."""
        line = self._lines.pop(carrier)
        sender = line.sender
        sender.drain()
        await line.close()
        sender.settle_open()
        sender.queue.sweep(lambda _load: Reason.NO_CARRIER)
        log.info("a carrier was taken out of the configuration", action="carrier_gone", carrier=carrier)
