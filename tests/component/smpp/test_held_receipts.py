"""A carrier that holds its receipts back, over real connections, and lets them go when its control port says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors.carriers.contract import Acknowledge, CarrierCallbacks, Receipt, Result
from connectors.carriers.smpp.carrier import Backoff, SmppCarrier
from connectors.simulator.control import control_app
from connectors.simulator.log import SubmitLog
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.settings.carriers import SmppSettings
from tests.support.carriers import never_unreadable, submits
from tests.support.waiting import until

MESSAGES = 200
STATES = ["ACCEPTD", "DELIVRD", "DELIVRD"]


@dataclass
class Ends:
    """A carrier and who sends to it. `confirming`: whether receipts are answered."""

    server: SimulatorServer
    control: TestClient[web.Request, web.Application]
    receipts: list[Receipt] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    confirming: bool = True

    def take(self, came: list[Receipt], acknowledge: Acknowledge) -> None:
        self.receipts += came
        if self.confirming:
            acknowledge()

    @asynccontextmanager
    async def bound(self) -> AsyncIterator[SmppCarrier]:
        callbacks = CarrierCallbacks(on_receipts=self.take, on_room=lambda: None, on_unreadable=never_unreadable)
        config = SmppSettings(host="127.0.0.1", port=self.server.port, system_id="s")
        backoff = Backoff(first=0.02, longest=0.02)
        sender = SmppCarrier(config, callbacks, window=MESSAGES, binds=1, random=lambda: 0.5, backoff=backoff)
        await sender.open()
        await until(lambda: sender.room() == MESSAGES)
        try:
            yield sender
        finally:
            await sender.close()

    async def send(self, sender: SmppCarrier) -> None:
        sender.send(submits(MESSAGES), self.results.extend)
        await until(lambda: len(self.results) == MESSAGES)

    async def release(self, **wanted: object) -> int:
        answer = await self.control.post("/release", json=wanted)
        return int((await answer.json())["receipts"])


@asynccontextmanager
async def carrier(script: Script) -> AsyncIterator[Ends]:
    server = SimulatorServer(script, SubmitLog(None))
    await server.start("127.0.0.1", 0)
    try:
        async with TestClient(TestServer(control_app(server))) as control:
            yield Ends(server, control)
    finally:
        await server.stop()


async def order_of(seed: int) -> list[tuple[int, str]]:
    """(index of the message, state) as its receipts came, all of them."""
    async with carrier(Script(hold=True, first_id=1000, receipt_window=50)) as ends, ends.bound() as sender:
        await ends.send(sender)
        held = await (await ends.control.get("/counters")).json()
        assert (ends.receipts, held["held_receipts"]) == ([], MESSAGES)
        assert await ends.release(states=STATES, seed=seed) == 3 * MESSAGES
        await until(lambda: ends.server.counters.receipts_confirmed == 3 * MESSAGES)
        assert len(ends.server.held) == 0
        return [(int(receipt.carrier_message_id) - 1000, receipt.state) for receipt in ends.receipts]


async def test_three_a_message_in_an_order_that_the_seed_gives() -> None:
    first, again, other = await order_of(1), await order_of(1), await order_of(2)
    assert Counter(first) == Counter((n, state) for n in range(MESSAGES) for state in STATES)
    assert first == again
    assert first != other and first != sorted(first)


async def test_what_does_not_fit_goes_out_at_once() -> None:
    async with carrier(Script(hold=True, receipt_queue=50)) as ends, ends.bound() as sender:
        await ends.send(sender)
        await until(lambda: ends.server.counters.receipts_confirmed == MESSAGES - 50)
        assert await ends.release() == 50
        await until(lambda: ends.server.counters.receipts_confirmed == MESSAGES)
        assert {receipt.state for receipt in ends.receipts} == {"DELIVRD"}


async def test_a_lost_connection_loses_none() -> None:
    """Neither those that are held nor those let go and not confirmed: the next bind gets them."""
    async with carrier(Script(hold=True, receipt_window=50)) as ends:
        async with ends.bound() as sender:
            await ends.send(sender)
            ends.confirming = False
            await ends.release(states=STATES)
            await until(lambda: len(ends.receipts) == 50)
        ends.confirming = True
        ends.receipts.clear()
        async with ends.bound():
            await until(lambda: ends.server.counters.receipts_confirmed == 3 * MESSAGES)
            assert len({receipt.carrier_message_id for receipt in ends.receipts}) == MESSAGES


async def test_a_release_that_cannot_be_is_refused() -> None:
    async with carrier(Script(hold=True)) as ends:
        for wanted in ({"rate": -1}, {"states": "DELIVRD"}, {"seeds": 1}):
            answer = await ends.control.post("/release", json=wanted)
            assert answer.status == 400 and (await answer.json())["detail"]
        assert await ends.release() == 0
