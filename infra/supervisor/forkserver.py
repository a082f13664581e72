"""Roles that start at once: children of a process that has imported what every role needs and does nothing but fork.

In: a way to start that process (`forkserver_process.py`), and to know when all is calm. Out: `fork(order)`: a `ForkedChild`
that is used as any child process is. Half of a role's start is reading code; a fork has read it, and shares its memory.
The forkserver is made once all roles work, so that the first start has the processors to itself; until then, and while
there is none, `fork` gives None and the role is started in the ordinary way. When the forkserver dies, those forked from it
die with it (`end_with_parent`) and are told so; a new one is made once all is calm again. Linux alone can do this.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

FIRST_PAUSE = 1.0
"""Seconds between the first calm and the making of the forkserver."""

LONGEST_PAUSE = 60.0
"""Seconds between two tries, at most, when it never comes to wait for orders."""

FORK_SECONDS = 5.0


class Child(Protocol):
    """What the supervisor needs of a child process; `returncode` is that of `asyncio.subprocess.Process`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class ForkedChild:
    """A child of the forkserver. `ended` is called once, with the exit code that the forkserver saw."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._gone = asyncio.Event()
        self._handle = -1
        with suppress(ProcessLookupError):  # it has ended already; that is told next
            self._handle = os.pidfd_open(pid)

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        await self._gone.wait()
        return self.returncode or 0

    def terminate(self) -> None:
        """SIGTERM. Raises ProcessLookupError when it has ended."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL. Raises ProcessLookupError when it has ended."""
        self._send(signal.SIGKILL)

    def ended(self, code: int) -> None:
        """It has ended."""
        self.returncode = code
        self._gone.set()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _send(self, number: int) -> None:
        if self._handle < 0:
            raise ProcessLookupError
        signal.pidfd_send_signal(self._handle, number)


class Forkserver:
    """`spawn` starts the process; `calm` returns once every role works. To be begun and closed once."""

    def __init__(
        self, spawn: Callable[[], Awaitable[asyncio.subprocess.Process]], calm: Callable[[], Awaitable[None]]
    ) -> None:
        self._spawn = spawn
        self._calm = calm
        self._orders: deque[asyncio.Future[ForkedChild | None]] = deque()
        self._children: dict[int, ForkedChild] = {}
        self._task: asyncio.Task[None] | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.waits = False

    def begin(self) -> None:
        """Make it in a while, and again whenever it has died."""
        self._task = asyncio.create_task(self._keep(), name="keep-forkserver")

    async def close(self) -> None:
        """End it, and with it whoever was forked from it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    async def fork(self, order: Mapping[str, Any]) -> ForkedChild | None:
        """A process that does what the order says; None without a forkserver."""
        process = self.process
        if not self.waits or process is None or process.stdin is None:
            return None
        forked: asyncio.Future[ForkedChild | None] = asyncio.get_running_loop().create_future()
        self._orders.append(forked)
        process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            return await asyncio.wait_for(forked, FORK_SECONDS)
        except TimeoutError:
            # A child that came later would be a second process of the role.
            self.waits = False
            with suppress(ProcessLookupError):
                process.kill()
            return None

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._calm()
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
            with suppress(OSError):  # no process to be had: roles are then started in the ordinary way, and say so
                self.process = await self._spawn()
                try:
                    await self._listen(self.process)
                    pause = FIRST_PAUSE if self.waits else pause
                finally:
                    self._ended()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """What it tells, until it ends."""
        while process.stdout is not None and (line := await process.stdout.readline()):
            match json.loads(line):
                case {"forked": int(pid)}:
                    self._forked(ForkedChild(pid))
                case {"ended": int(pid), "code": int(code)}:
                    self._children.pop(pid).ended(code)
                case _:
                    self.waits = True

    def _forked(self, child: ForkedChild) -> None:
        self._children[child.pid] = child
        order = self._orders.popleft()
        if order.done():
            with suppress(ProcessLookupError):
                child.kill()
        else:
            order.set_result(child)

    def _ended(self) -> None:
        self.waits = False
        while self._orders:
            order = self._orders.popleft()
            if not order.done():
                order.set_result(None)
        while self._children:
            self._children.popitem()[1].ended(-signal.SIGKILL)
