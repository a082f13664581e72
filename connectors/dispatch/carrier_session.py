"""The session with one carrier: its sender and the connection that the sender uses, following the carrier's row.

In: rows. Out: a sender whose connection is as the newest row says. How a change is made:

    rates            at once
    window, binds    in place: connections are added, or closed after their answers
    anything else    a new connection object. The limit on connections belongs to the account (with SMPP: host, port, system
                     id). To another account the new connection is opened beside the old one, which is closed after its
                     answers once the new one is bound. With the same account the total never exceeds `binds`, for a carrier
                     may drop the older connection in favour of one too many, and what is in flight there becomes uncertain:
                     with several connections one is closed for the first new one; with a single one the old one is closed
                     first, and nothing goes out for as long as a bind takes.

If the new connection is not bound within `CONNECT_SECONDS` (a wrong password, a carrier that counts the connections of
several accounts together), the old one is closed and the new one keeps trying alone: no bind is refused for ever because of
a connection of ours, and what the row says comes true. Raises ValueError for settings that can never work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from connectors.carriers.contract import Carrier, CarrierCallbacks, OnRoom
from connectors.carriers.registry import Registry
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.connection_spec import ConnectionSpec, spec_of
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from infra.postgres.config_cache import CarrierRow
from schemas.values.lanes import Pool

CONNECT_SECONDS = 5.0
log = structlog.get_logger()

MakeSender = Callable[[CarrierRow, Carrier, ReceiptMatcher, ConnectionSpec], CarrierSender]


class CarrierSession:
    """`open` once, then `follow` at every change of the row, `close` at the end."""

    def __init__(
        self, row: CarrierRow, pool: Pool, matcher: ReceiptMatcher, make_sender: MakeSender, registry: Registry
    ) -> None:
        self._id = row.id
        self._pool = pool
        self._matcher = matcher
        self._registry = registry
        self._wanted = self._current = spec = spec_of(row, pool, registry)
        self._carriers: list[Carrier] = []
        self._following: asyncio.Task[None] | None = None
        self._wake: Callable[[], None] = lambda: None
        carrier, _ = self._connect(spec)
        self.sender = make_sender(row, carrier, matcher, spec)
        self._wake = self.sender.wake
        self._match_ids_as(carrier)

    async def open(self) -> None:
        """Start connecting."""
        await self.sender.carrier.open()

    def follow(self, row: CarrierRow) -> None:
        """Take the row's changes over."""
        self.sender.rate = row.rate
        self.sender.limit(row.narrow)
        spec = spec_of(row, self._pool, self._registry)
        if spec == self._wanted:
            return
        spec.connect(self._callbacks(self._wake))  # whether these settings can work is only known by trying
        self._wanted = spec
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow_spec(), name=f"move-{row.id}")

    async def close(self) -> None:
        """Close all connections; answers are awaited for a bounded time."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if self._carriers:
            await asyncio.wait([asyncio.create_task(self._close(carrier)) for carrier in self._carriers])

    async def _follow_spec(self) -> None:
        while self._current != self._wanted:
            wanted = self._wanted
            if wanted.differs_in_size_alone(self._current):
                self.sender.window = wanted.in_flight
                await self.sender.carrier.resize(wanted.window, wanted.binds)
            else:
                await self._replace(wanted)
            self._current = wanted
            log.info("a carrier's connection follows its row", action="carrier_moved", carrier=self._id)

    async def _replace(self, wanted: ConnectionSpec) -> None:
        old, had = self.sender.carrier, self._current
        same = wanted.shares_account(had)
        new: Carrier | None = None
        if not same or had.binds > 1:
            if same:
                await old.resize(had.window, had.binds - 1)
            new = await self._open_beside(wanted, 1 if same else wanted.binds)
        if new is None:
            await self._close(old)
            new, _ = self._connect(wanted)
            await new.open()
        self._match_ids_as(new)
        self.sender.use_connection(new, wanted.in_flight, whole=wanted.sends_whole)
        await self._close(old)
        await new.resize(wanted.window, wanted.binds)

    async def _open_beside(self, wanted: ConnectionSpec, binds: int) -> Carrier | None:
        """A new connection that is bound while the old one works on; None if it cannot be."""
        carrier, connected = self._connect(wanted, binds)
        await carrier.open()
        waiting = asyncio.ensure_future(connected.wait())
        await asyncio.wait([waiting], timeout=CONNECT_SECONDS)
        waiting.cancel()
        if carrier.connected:
            return carrier
        log.warning(
            "the new connection is not accepted beside the old one, which is closed now",
            action="carrier_gives_way",
            carrier=self._id,
            seconds=CONNECT_SECONDS,
        )
        await self._close(carrier)
        return None

    def _connect(self, spec: ConnectionSpec, binds: int | None = None) -> tuple[Carrier, asyncio.Event]:
        """A connection, and an event that is set when it has room for the first time."""
        connected = asyncio.Event()

        def on_room() -> None:
            connected.set()
            self._wake()

        carrier = spec.connect(self._callbacks(on_room), binds=binds)
        self._carriers.append(carrier)
        return carrier, connected

    def _callbacks(self, on_room: OnRoom) -> CarrierCallbacks:
        return CarrierCallbacks(
            on_receipts=self._matcher.match, on_room=on_room, on_unreadable=self._matcher.dead_letter_unreadable
        )

    async def _close(self, carrier: Carrier) -> None:
        await carrier.close()
        if carrier in self._carriers:
            self._carriers.remove(carrier)

    def _match_ids_as(self, carrier: Carrier) -> None:
        self._matcher.lookup = carrier.lookup_ids
        self._matcher.strict = carrier.ids_may_clash
