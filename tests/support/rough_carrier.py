"""A simulated carrier outside the stack, in a thread of the tests, whose manners a test may change as it goes.

In: a folder for its log. Out: `RoughCarrier`: its port, `behave(...)` with fields of the simulator's script, the log.
It lives as long as the block; nothing of the stack that is killed takes it along.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from connectors.simulator.log import Entry, SubmitLog, read_log
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer

SYSTEM_ID = "rough"
PASSWORD = "edges"
START_SECONDS = 30.0


class SubmitsSeen:
    """What a simulated carrier noted, read from its file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[Entry]:
        """Every submit that it saw."""
        return read_log(self._path) if self._path.exists() else []

    def count(self) -> int:
        """How many these are, quickly."""
        return self._path.read_bytes().count(b"\n") if self._path.exists() else 0


class RoughCarrier:
    """Made by `rough_carrier`. `seen`: what it noted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: SimulatorServer, log: Path, manners: Script) -> None:
        self._loop = loop
        self._server = server
        self._manners = manners
        self.seen = SubmitsSeen(log)
        self.port = server.port

    @property
    def cut(self) -> int:
        """Connections that it has cut so far."""
        return self._server.counters.disconnects

    @property
    def bound(self) -> int:
        """Connections of the stack's account that are bound now."""
        return self._server.bound.get(SYSTEM_ID, 0)

    @property
    def binds_refused(self) -> int:
        """How often it has refused one."""
        return self._server.counters.binds_refused

    def most_bound(self) -> int:
        """Most connections of the account that were bound at a time since this was asked last, or since the start."""
        peak, self._server.counters.peak_binds = self._server.counters.peak_binds, self.bound
        return peak

    def behave(self, **fields: object) -> None:
        """From now on the script it began with, with these fields; none: well."""
        script = msgspec.convert(msgspec.structs.asdict(self._manners) | fields, Script)
        asyncio.run_coroutine_threadsafe(_change(self._server, script), self._loop).result(START_SECONDS)

    def entries(self) -> list[Entry]:
        """Every submit it saw."""
        return self.seen.entries()


@contextmanager
def rough_carrier(folder: Path, manners: Script | None = None) -> Iterator[RoughCarrier]:
    """Listening on a free port of loopback inside the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="rough-carrier", daemon=True)
    thread.start()
    script = manners or Script(system_id=SYSTEM_ID, password=PASSWORD, receipt_delay_seconds=0.02)
    path = folder / "rough-smsc.log"
    try:
        with SubmitLog(path) as log:
            server = asyncio.run_coroutine_threadsafe(_start(script, log), loop).result(START_SECONDS)
            yield RoughCarrier(loop, server, path, script)
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(START_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_SECONDS)


async def _start(script: Script, log: SubmitLog) -> SimulatorServer:
    server = SimulatorServer(script, log)
    await server.start("127.0.0.1", 0)
    return server


async def _change(server: SimulatorServer, script: Script) -> None:
    server.change(script)
