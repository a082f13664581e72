"""The simulated carrier: an SMPP server on a port, behaving as its script says.

In: connections of ESMEs, a script that may be changed while it runs. Out: answers, receipts, the log of submits,
counters. State lives in memory: receipts that wait survive a lost connection, not the end of the process.
"""

import asyncio
import ssl
import time
from collections.abc import Callable

from connectors.simulator.connection import Connection
from connectors.simulator.log import SubmitLog
from connectors.simulator.rules import Rules
from connectors.simulator.script import Script
from connectors.simulator.simulation import Simulation


class SimulatorServer(Simulation):
    """`start`, then `port`; `change` at any time; `stop`."""

    def __init__(self, script: Script, log: SubmitLog, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(script, log, clock=clock)
        self._connected = 0
        self._server: asyncio.Server | None = None
        self._breaker: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also when 0 was asked for."""
        assert self._server is not None, "start first"
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Raises OSError when the port is taken. `tls`: speak TLS, with the certificate it holds."""
        self._server = await self._loop.create_server(self._connection, host, port, ssl=tls)
        self._arm_breaker()

    async def stop(self) -> None:
        """Close all connections, write the rest of the log."""
        if self._breaker is not None:
            self._breaker.cancel()
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.end()
        self.answers.close()
        self.receipts.close()
        self.held.close()
        self.log.flush()

    def change(self, script: Script) -> None:
        """Go on by another script; counters and ids continue."""
        self.script = script
        self.rules = Rules(script)
        self._arm_breaker()

    def disconnect(self) -> None:
        """Cut all connections, as a network does."""
        for connection in list(self.connections):
            self.counters.disconnects += 1
            connection.abort()

    def _connection(self) -> Connection:
        self._connected += 1
        return Connection(self, self._connected)

    def _arm_breaker(self) -> None:
        if self._breaker is not None:
            self._breaker.cancel()
            self._breaker = None
        if self.script.disconnect_every_seconds:
            self._breaker = self._loop.call_later(self.script.disconnect_every_seconds, self._break)

    def _break(self) -> None:
        self.disconnect()
        self._arm_breaker()
