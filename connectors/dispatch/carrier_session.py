"""The line to one carrier: its sender and the connection that the sender sends over, following the carrier's row.

In: rows. Out: an sender whose connection is what the newest row says. What changes how:

    rate             at once
    window, binds    in place: connections are added, or take leave after their answers
    anything else    another connection object. The limit on connections belongs to the account (host, port, system id):
                     to another account the new connection is opened first, beside the old one, which takes leave after
                     its answers once the new one stands. Of the same account the total never exceeds `binds`, for a
                     carrier may end the older connection in favour of one too many, and what is in flight there becomes
                     uncertain: with several connections one gives way to the first new one; with one alone the old one
                     leaves first, and for the length of a bind nothing goes out.

If the new connection does not stand within `STAND_SECONDS` (a wrong password, a carrier that counts connections of several
accounts together), the old one leaves and the new one goes on trying alone: nobody is refused for ever because of a
connection of ours, and what the row says comes true. Raises ValueError for settings that can never work.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import structlog

from connectors.carriers.contract import Carrier, CarrierCallbacks, OnRoom
from connectors.carriers.smpp.carrier import SmppCarrier
from connectors.carriers.smpp.config import SmppConfig
from connectors.dispatch.carrier_sender import CarrierSender
from connectors.dispatch.receipt_matcher import ReceiptMatcher
from infra.postgres.config_cache import CarrierRow
from schemas.values.lanes import Pool

STAND_SECONDS = 5.0
log = structlog.get_logger()

MakeSender = Callable[[CarrierRow, Carrier, ReceiptMatcher, int], CarrierSender]
Connect = Callable[[CarrierRow, int, CarrierCallbacks], Carrier]


class CarrierSession:
    """`open` once, then `follow` at every change of the row, `close` at the end."""

    def __init__(self, row: CarrierRow, pool: Pool, matcher: ReceiptMatcher, make_engine: MakeSender, connect: Connect) -> None:
        self._pool = pool
        self._matcher = matcher
        self._connect = connect
        self._wanted = self._made = row
        self._carriers: list[Carrier] = []
        self._moving: asyncio.Task[None] | None = None
        self._wake: Callable[[], None] = lambda: None
        carrier, _ = self._new(row, self._binds(row))
        self.sender = make_engine(row, carrier, matcher, row.window * self._binds(row))
        self._wake = self.sender.wake
        self._teach(carrier, row)

    async def open(self) -> None:
        """Start connecting."""
        await self.sender.carrier.open()

    def follow(self, row: CarrierRow) -> None:
        """Become what the row says."""
        self.sender.rate = row.rate
        if _wiring(row) == _wiring(self._wanted):
            return
        self._connect(row, self._binds(row), self._callbacks(self._wake))
        self._wanted = row
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move(), name=f"move-{row.id}")

    async def close(self) -> None:
        """Take leave, answers awaited a bounded time."""
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait([self._moving])
        if self._carriers:
            await asyncio.wait([asyncio.create_task(self._close(carrier)) for carrier in self._carriers])

    async def _move(self) -> None:
        while _wiring(self._made) != _wiring(self._wanted):
            row = self._wanted
            if _wiring(self._made)[2:] == _wiring(row)[2:]:
                self.sender.window = row.window * self._binds(row)
                await self.sender.carrier.resize(row.window, self._binds(row))
            else:
                await self._replace(row)
            self._made = row
            log.info("a carrier's connection follows its row", action="carrier_moved", carrier=row.id)

    async def _replace(self, row: CarrierRow) -> None:
        old, had, binds = self.sender.carrier, self._binds(self._made), self._binds(row)
        same = _account(self._made) == _account(row)
        new: Carrier | None = None
        if not same or had > 1:
            if same:
                await old.resize(self._made.window, had - 1)
            new = await self._beside(row, 1 if same else binds)
        if new is None:
            await self._close(old)
            new, _ = self._new(row, binds)
            await new.open()
        self._teach(new, row)
        self.sender.send_over(new, row.window * binds)
        await self._close(old)
        await new.resize(row.window, binds)

    async def _beside(self, row: CarrierRow, binds: int) -> Carrier | None:
        """A new connection that stands, while the old one works on; None if it does not."""
        carrier, stands = self._new(row, binds)
        await carrier.open()
        waiting = asyncio.ensure_future(stands.wait())
        await asyncio.wait([waiting], timeout=STAND_SECONDS)
        waiting.cancel()
        if carrier.connected:
            return carrier
        log.warning("the new connection does not stand beside the old one, which leaves now", action="carrier_gives_way",
                    carrier=row.id, seconds=STAND_SECONDS)
        await self._close(carrier)
        return None

    def _new(self, row: CarrierRow, binds: int) -> tuple[Carrier, asyncio.Event]:
        """A connection, and what is set when it has room for the first time."""
        stands = asyncio.Event()

        def on_room() -> None:
            stands.set()
            self._wake()

        carrier = self._connect(row, binds, self._callbacks(on_room))
        self._carriers.append(carrier)
        return carrier, stands

    def _callbacks(self, on_room: OnRoom) -> CarrierCallbacks:
        return CarrierCallbacks(on_receipts=self._matcher.take, on_room=on_room, on_unreadable=self._matcher.keep_unreadable)

    async def _close(self, carrier: Carrier) -> None:
        await carrier.close()
        if carrier in self._carriers:
            self._carriers.remove(carrier)

    def _teach(self, carrier: Carrier, row: CarrierRow) -> None:
        self._matcher.lookup = carrier.lookup_ids
        self._matcher.strict = row.settings.get("msg_id_type", "auto") == "auto"

    def _binds(self, row: CarrierRow) -> int:
        return share_of_binds(row.binds, self._pool)


def share_of_binds(binds: int, pool: Pool) -> int:
    """The connections that this pool's process holds; at least one."""
    return 1 if pool is Pool.OTP else max(1, binds - 1)


def connect_smpp(row: CarrierRow, binds: int, callbacks: CarrierCallbacks) -> Carrier:
    """A connection as the row says; raises ValueError for settings that can never work."""
    if row.kind not in ("smpp", "simulator"):
        raise ValueError(f"kind {row.kind!r} is not built")
    known = {name: value for name, value in row.settings.items() if value is not None}
    try:
        config = SmppConfig(password=row.password, window=row.window, binds=binds, **known)
    except TypeError as fault:
        raise ValueError(f"settings of the carrier: {fault}") from fault
    return SmppCarrier(config, callbacks, random=random.random)


def _wiring(row: CarrierRow) -> tuple[Any, ...]:
    """What a connection is made of; the first two may be changed while it stands."""
    return row.window, row.binds, row.kind, dict(row.settings), row.password


def _account(row: CarrierRow) -> tuple[Any, ...]:
    return row.kind, *(row.settings.get(name) for name in ("host", "port", "system_id"))
