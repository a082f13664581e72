"""The simulator as a role: its script over HTTP, its end."""

import asyncio

from aiohttp.test_utils import TestClient, TestServer

from connectors.simulator.control import control_app
from connectors.simulator.log import SubmitLog
from connectors.simulator.role import serve
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer


async def test_the_script_may_be_changed_over_http() -> None:
    server = SimulatorServer(Script(), SubmitLog(None))
    async with TestClient(TestServer(control_app(server))) as client:
        bad = await client.patch("/script", data=b'{"rate": "fast"}')
        good = await client.patch("/script", data=b'{"throttle_every": 3}')
        script = await (await client.get("/script")).json()
        counters = await (await client.get("/counters")).json()
    assert (bad.status, good.status) == (400, 200)
    assert server.script == Script(throttle_every=3)
    assert script["throttle_every"] == 3
    assert counters["submits"] == 0


async def test_the_role_ends_when_told() -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    role = asyncio.create_task(serve("127.0.0.1", 0, Script(), None, stop, ready.set))
    await asyncio.wait_for(ready.wait(), 30)
    assert not role.done()
    stop.set()
    await asyncio.wait_for(role, 10)  # at once, wherever the machine stands still meanwhile
    assert role.done() and role.exception() is None
