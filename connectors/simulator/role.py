"""The role `simulator`: a carrier of one's own to try things with.

In: where to listen, the script, where to log, an event that ends it. Out: nothing but SMPP. Raises OSError when a
port is taken or the log cannot be written. Listens on loopback unless told otherwise.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import web

from connectors.simulator.control import control_app
from connectors.simulator.log import SubmitLog
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.runtime.role import RoleContext


async def serve(
    host: str,
    port: int,
    script: Script,
    log_path: Path | None,
    stop: asyncio.Event,
    ready: Callable[[], None],
    control_port: int | None = None,
) -> None:
    """Run until `stop` is set. `control_port`: also listen there, on loopback, for changes of the script."""
    with SubmitLog(log_path) as log:
        server = SimulatorServer(script, log)
        runner = web.AppRunner(control_app(server), access_log=None)
        try:
            await server.start(host, port)
            await runner.setup()
            if control_port is not None:
                await web.TCPSite(runner, "127.0.0.1", control_port).start()
            ready()
            await stop.wait()
        finally:
            await runner.cleanup()
            await server.stop()


async def run(role: RoleContext) -> None:
    """The role as `sluice up` starts it: where and how it works comes from the settings."""
    settings = role.settings.simulator
    script = msgspec.convert(settings.script, Script)
    await serve(settings.host, settings.port, script, settings.log, role.stop, role.ready, settings.control_port)
