"""The role `sinks`: every sink in a thread of its own; what topics say becomes rows.

In: the role's settings (Kafka, the operator's PostgreSQL, the keyring). Out: rows, see `registry.py`. Ready when every
sink has joined its group and claimed its partitions. A sink that cannot go on ends the role, to be started anew.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import structlog

from connectors.sinks.registry import make_sinks
from connectors.sinks.runner import SinkRunner
from infra.runtime.role import RoleContext
from infra.security.keyring import load_keyring
from infra.security.sealing import Sealer

STOP_SECONDS = 4.0
log = structlog.get_logger()


async def run(role: RoleContext) -> None:
    """Run until the role is stopped. Raises the fault of the first sink that cannot go on."""
    loop = asyncio.get_running_loop()
    threads = SinkThreads(loop, role)
    threads.start()
    stopping: asyncio.Future[Any] = asyncio.ensure_future(role.stop.wait())
    try:
        await threads.until(stopping)
    finally:
        stopping.cancel()
        await asyncio.to_thread(threads.stop)


class SinkThreads:
    """The threads of one role; `failed` gets the fault of the first that ends by itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop, role: RoleContext) -> None:
        settings = role.settings
        if settings.kafka.bootstrap is None or settings.postgres.url is None:
            raise ValueError("the sinks need SLUICE_KAFKA__BOOTSTRAP and SLUICE_POSTGRES__URL")
        self.failed: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._role = role
        self._missing = set[str]()
        self._runners: dict[str, SinkRunner] = {}
        for sink in make_sinks(Sealer(load_keyring(settings.keyring_path)), settings.sinks):
            self._missing.add(sink.name)
            self._runners[sink.name] = SinkRunner(
                sink,
                cluster=settings.kafka,
                postgres_url=settings.postgres.url.get_secret_value(),
                instance=role.instance,
                joined=self._reporter(sink.name),
            )
        self._threads = [
            threading.Thread(target=self._work, args=(name,), name=f"sink-{name}", daemon=True) for name in self._runners
        ]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    async def until(self, stopping: asyncio.Future[Any]) -> None:
        """Return when `stopping` is done. Raises the fault of a thread that ended by itself."""
        await asyncio.wait((stopping, self.failed), return_when=asyncio.FIRST_COMPLETED)
        if self.failed.done():
            self.failed.result()

    def stop(self) -> None:
        """Ask all to end and wait for them a little; what they leave undone is undone as a whole."""
        for runner in self._runners.values():
            runner.stop()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _reporter(self, name: str) -> Callable[[], None]:
        return lambda: self._call_on_loop(self._joined, name)

    def _joined(self, name: str) -> None:
        self._missing.discard(name)
        if not self._missing:
            self._role.ready()

    def _work(self, name: str) -> None:
        try:
            self._runners[name].run()
        except Exception as fault:  # why: a thread's fault must end the role, whatever it is
            log.exception("a sink cannot go on", action="sink_failed", sink=name)
            self._call_on_loop(self._fail, fault)

    def _fail(self, fault: Exception) -> None:
        if not self.failed.done():
            self.failed.set_exception(fault)

    def _call_on_loop(self, callback: Callable[..., None], argument: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, argument)
