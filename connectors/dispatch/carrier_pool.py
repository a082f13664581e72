"""The carriers of this pool: a session and a sender each, following the configuration while it changes.

In: rows of the configuration; whether a partition is this process's. Out: senders by carrier. How a session follows a
changed row is said in `carrier_session.py`. Of a carrier's `binds` the pool otp has one, bulk the others; the only one of a
carrier has that process of the pool otp to which its codes come (`schemas/rules/one_process.py`). A row whose settings can
never work is logged; its carrier goes on as before, or has no sender until the row is mended. Batches for a carrier without
a sender wait a while for the configuration to bring it, then go back. A session that ends takes leave first
(`retiring.py`), and no other one of its carrier begins here before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from connectors.carriers.registry import Registry
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.carrier_session import CarrierSession, MakeSender
from connectors.dispatch.lane_queue import QueuedBatch
from connectors.dispatch.owned_partition import OwnedPartition
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from connectors.dispatch.retiring import retire
from connectors.dispatch.send_batch import SendBatch
from infra.postgres.config_cache import CarrierRow
from schemas.rules.one_process import holds_connections, lanes_carried
from schemas.values.lanes import Pool
from schemas.values.reasons import Reason

UNKNOWN_CARRIER_SECONDS = 10.0
ELSEWHERE_SECONDS = 3.0
"""What is found here for a carrier that is known to be another process's waits only until all have read its row."""
LET_GO_SECONDS = 1.0
log = structlog.get_logger()

MakeMatcher = Callable[[str], ReceiptMatcher]


class CarrierPool:
    """`make_sender(row, connection, matcher, wiring)` and `make_matcher(carrier)` come from the role. `owns`: whether the
    codes of a partition come to this process. `left`: leave has been taken of a carrier; the rows are to be followed again,
    for it may have become ours meanwhile. `fail`: that could not be done."""

    def __init__(
        self,
        pool: Pool,
        make_sender: MakeSender,
        make_matcher: MakeMatcher,
        registry: Registry,
        owns: Callable[[int], bool],
        left: Callable[[], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._pool = pool
        self._make_sender = make_sender
        self._make_matcher = make_matcher
        self._registry = registry
        self._owns = owns
        self._left = left
        self._fail = fail
        self._rows: Mapping[str, CarrierRow] = {}
        self._sessions: dict[str, CarrierSession] = {}
        self._retiring: dict[str, tuple[CarrierSession, asyncio.Task[None]]] = {}
        self._unplaced: list[tuple[float, OwnedPartition, SendBatch]] = []

    @property
    def senders(self) -> dict[str, CarrierSender]:
        """By carrier."""
        return {carrier: session.sender for carrier, session in self._sessions.items()}

    @property
    def all_senders(self) -> dict[str, CarrierSender]:
        """Those that take leave, too."""
        if not self._retiring:
            return self.senders
        return self.senders | {carrier: session.sender for carrier, (session, _) in self._retiring.items()}

    async def follow(self, rows: Mapping[str, CarrierRow]) -> None:
        """Open, change and close sessions as the rows say."""
        self._rows = rows
        for carrier, row in rows.items():
            if self._is_ours(row) and carrier not in self._retiring:
                await self._follow_row(row)
        for carrier in [one for one in self._sessions if one not in rows or not self._is_ours(rows[one])]:
            self._retire(carrier)
        self.retry_unplaced()

    async def let_go(self) -> None:
        """Partitions were given up: take leave of carriers that others may connect to now."""
        await self.follow(self._rows)
        leaving = [task for _, task in self._retiring.values()]
        if leaving:
            await asyncio.wait(leaving, timeout=LET_GO_SECONDS)

    def lanes_of(self, carrier: str) -> tuple[str, ...]:
        """The lanes that this process carries there."""
        row = self._rows.get(carrier)
        return () if row is None else lanes_carried(self._pool, row.binds, one_process=row.one_process)

    def enqueue(self, owned: OwnedPartition, batch: SendBatch) -> None:
        """Give a batch to its carrier's sender."""
        session = self._sessions.get(batch.messages.carrier)
        if session is None:
            row = self._rows.get(batch.messages.carrier)
            elsewhere = row is not None and not holds_connections(self._pool, row.binds, owns=True)
            seconds = ELSEWHERE_SECONDS if elsewhere else UNKNOWN_CARRIER_SECONDS
            self._unplaced.append((asyncio.get_running_loop().time() + seconds, owned, batch))
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
        sessions = [*self._sessions.values(), *(session for session, _ in self._retiring.values())]
        for _, task in self._retiring.values():
            task.cancel()
        closing = [asyncio.create_task(session.close()) for session in sessions]
        if closing:
            await asyncio.wait(closing, timeout=patience)

    def _is_ours(self, row: CarrierRow) -> bool:
        return holds_connections(self._pool, row.binds, owns=self._owns(row.partition))

    async def _follow_row(self, row: CarrierRow) -> None:
        session = self._sessions.get(row.id)
        try:
            if session is None:
                await self._open_session(row)
            else:
                session.follow(row)
        except ValueError as fault:
            log.error(
                "a carrier's settings cannot work; it is left out until they change",
                action="carrier_refused",
                carrier=row.id,
                error=str(fault),
            )
        if row.id in self._sessions:
            self._sessions[row.id].sender.queue.carry(lanes_carried(self._pool, row.binds, one_process=row.one_process))

    async def _open_session(self, row: CarrierRow) -> None:
        session = CarrierSession(row, self._pool, self._make_matcher(row.id), self._make_sender, self._registry)
        self._sessions[row.id] = session
        await session.open()

    def _retire(self, carrier: str) -> None:
        session = self._sessions.pop(carrier)
        task = asyncio.create_task(retire(session), name=f"retire-{carrier}")
        self._retiring[carrier] = (session, task)
        task.add_done_callback(partial(self._on_retired, carrier))

    def _on_retired(self, carrier: str, task: asyncio.Task[None]) -> None:
        del self._retiring[carrier]
        if task.cancelled():
            return
        if isinstance(fault := task.exception(), Exception):
            self._fail(fault)
        log.info("a carrier is not this process's any more", action="carrier_gone", carrier=carrier)
        self._left()
