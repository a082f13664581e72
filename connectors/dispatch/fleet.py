"""The carriers of this pool: one connection and one engine each, following the configuration while it changes.

In: rows of the configuration. Out: engines by carrier. Rate and window of a row are taken over at once; whatever the
connection itself depends on (host, binds, window per bind, credentials) closes it, answers awaited, and opens a new one.
Of a carrier's `binds` the pool otp has one, bulk the others. A row whose settings can never work is logged and its carrier
has no engine until it is mended. Loads for a carrier without an engine wait a while for the configuration to show it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from connectors.carriers.contract import Carrier, CarrierCallbacks
from connectors.carriers.smpp.carrier import SmppCarrier
from connectors.carriers.smpp.config import SmppConfig
from connectors.dispatch.engine import Engine
from connectors.dispatch.home import Home
from connectors.dispatch.load import Load
from connectors.dispatch.receipts import ReceiptDesk
from connectors.dispatch.work import Work
from infra.postgres.config_book import CarrierRow
from schemas.lanes import Pool
from schemas.reasons import Reason

UNKNOWN_SECONDS = 10.0
log = structlog.get_logger()

MakeEngine = Callable[[CarrierRow, Carrier, ReceiptDesk, int], Engine]
MakeDesk = Callable[[str], ReceiptDesk]
Connect = Callable[[CarrierRow, int, CarrierCallbacks], Carrier]


@dataclass(slots=True)
class Member:
    """A carrier at work. `wiring`: what its connection was made of."""

    engine: Engine
    wiring: tuple[Any, ...]
    moving: asyncio.Task[None] | None = None


class Fleet:
    """`make_engine(row, connection, desk, window)` and `make_desk(carrier)` come from the role."""

    def __init__(self, pool: Pool, make_engine: MakeEngine, make_desk: MakeDesk, connect: Connect | None = None) -> None:
        self._pool = pool
        self._make_engine = make_engine
        self._make_desk = make_desk
        self._connect = connect or connect_smpp
        self._members: dict[str, Member] = {}
        self._unplaced: list[tuple[float, Home, Load]] = []

    @property
    def engines(self) -> dict[str, Engine]:
        """By carrier."""
        return {carrier: member.engine for carrier, member in self._members.items()}

    async def follow(self, rows: Mapping[str, CarrierRow]) -> None:
        """Make the fleet what the rows say."""
        for carrier, row in rows.items():
            member = self._members.get(carrier)
            try:
                if member is None:
                    await self._begin(row)
                else:
                    self._adapt(member, row)
            except ValueError as fault:
                log.error("a carrier's settings cannot work; it is left out until they change", action="carrier_refused",
                          carrier=carrier, error=str(fault))
        for carrier in [one for one in self._members if one not in rows]:
            await self._end(carrier)
        self.place_again()

    def place(self, home: Home, load: Load) -> None:
        """Give a load to its carrier."""
        member = self._members.get(load.facts.carrier)
        if member is None:
            self._unplaced.append((asyncio.get_running_loop().time() + UNKNOWN_SECONDS, home, load))
        else:
            member.engine.add(Work(home, load))

    def place_again(self) -> None:
        """Loads whose carrier was not known; after a while they go back."""
        waiting, self._unplaced = self._unplaced, []
        now = asyncio.get_running_loop().time()
        for deadline, home, load in waiting:
            if home.closed:
                continue
            if load.facts.carrier in self._members or now < deadline:
                self.place(home, load)
                if self._unplaced and self._unplaced[-1][2] is load:
                    self._unplaced[-1] = (deadline, home, load)
            else:
                home.give_up(load, Reason.NO_CARRIER)

    async def close(self, patience: float) -> None:
        """Take leave of all carriers within so many seconds."""
        closing = [asyncio.create_task(member.engine.carrier.close()) for member in self._members.values()]
        for member in self._members.values():
            if member.moving is not None:
                member.moving.cancel()
        if closing:
            await asyncio.wait(closing, timeout=patience)

    async def _begin(self, row: CarrierRow) -> None:
        desk = self._make_desk(row.id)
        binds = share_of_binds(row.binds, self._pool)
        woken: list[Engine] = []
        callbacks = CarrierCallbacks(on_receipts=desk.take, on_room=lambda: woken[0].wake() if woken else None)
        carrier = self._connect(row, binds, callbacks)
        engine = self._make_engine(row, carrier, desk, row.window * binds)
        woken.append(engine)
        _teach(desk, carrier, row)
        self._members[row.id] = Member(engine, _wiring(row))
        await carrier.open()

    def _adapt(self, member: Member, row: CarrierRow) -> None:
        member.engine.rate = row.rate
        if member.wiring == _wiring(row):
            return
        binds = share_of_binds(row.binds, self._pool)
        engine, desk = member.engine, member.engine.desk
        carrier = self._connect(row, binds, CarrierCallbacks(on_receipts=desk.take, on_room=engine.wake))
        member.wiring = _wiring(row)
        before = member.moving

        async def move() -> None:
            if before is not None:
                await asyncio.wait([before])
            await engine.carrier.close()
            engine.carrier, engine.window = carrier, row.window * binds
            _teach(desk, carrier, row)
            await carrier.open()
            log.info("a carrier's connection was made anew", action="carrier_moved", carrier=row.id)

        member.moving = asyncio.create_task(move(), name=f"move-{row.id}")

    async def _end(self, carrier: str) -> None:
        """Its messages go back as soon as nothing is in flight; the table's row is gone."""
        engine = self._members.pop(carrier).engine
        engine.drain()
        await engine.carrier.close()
        engine.settle_open()
        engine.queue.sweep(lambda _load: Reason.NO_CARRIER)
        log.info("a carrier was taken out of the configuration", action="carrier_gone", carrier=carrier)


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
    return row.kind, row.window, row.binds, dict(row.settings), row.password


def _teach(desk: ReceiptDesk, carrier: Carrier, row: CarrierRow) -> None:
    desk.lookup = carrier.lookup_ids
    desk.strict = row.settings.get("msg_id_type", "auto") == "auto"
