"""The supervisor: keeps roles and services alive, and ends them all.

In: rows of roles, their settings, the services that are ours. Out: processes, `DATA/run/roles.json` for `ps`, one log
file a role, bounded like those of the services. One that dies is started again at once, however often, by a forkserver if
there is one; only starts that never became ready are spaced out.
`end` asks roles to stop, kills those that have not gone after eight seconds, then stops the services. Nothing here
raises for what a child does.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from infra.runtime.private_files import open_private_log
from infra.runtime.refusal import Refusal
from infra.runtime.role import ready_file
from infra.supervisor.data_folder import DataFolder, own_identity
from infra.supervisor.forkserver import Child, Forkserver
from infra.supervisor.log_bounds import keep_bounded
from infra.supervisor.role_commands import forkserver_command, role_command
from infra.supervisor.role_log import last_fault
from infra.supervisor.roles import SIMULATOR, RoleRow
from infra.supervisor.supervised import Restartable, Supervised

GRACE_SECONDS = 8.0
POLL_SECONDS = 0.03
LONGEST_BACKOFF = 5.0
READY_SECONDS = 90.0
Tell = Callable[[str], None]
Command = Callable[[RoleRow], Sequence[str]]
ForkserverCommand = Callable[[Sequence[RoleRow]], Sequence[str]]


class Supervisor:
    """To be made inside a running loop; `environment` is that of every role, before its settings are added. `command` and
    `forkserver` say how a role and a forkserver are started; whoever gives a `command` has no forkserver unless it is given
    too, and without `forks` there is none at all."""

    def __init__(
        self,
        folder: DataFolder,
        environment: dict[str, str],
        tell: Tell,
        command: Command | None = None,
        forkserver: ForkserverCommand | None = None,
        *,
        forks: bool = True,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._tell = tell
        self._command = command or role_command
        ordinary = forkserver_command if forks and command is None and hasattr(os, "pidfd_open") else None
        self._forkserver_command = forkserver or ordinary
        self.forkserver = Forkserver(self._spawn_forkserver, self.all_calm)
        self._variables: dict[str, str] = {}
        self._warm: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._ending = False
        self._logs_watched = False
        self.services: Sequence[Restartable] = ()
        self.roles: list[Supervised] = []

    async def warm_up(self, rows: Sequence[RoleRow]) -> None:
        """Have processes import what they need while there are no settings yet; `start_roles` gives them these."""
        for row in rows:
            command = (*self._command(row), "--settings-on-stdin")
            self._warm[row.name] = await self._start_process(row.name, command, told=True)

    @property
    def warm(self) -> list[asyncio.subprocess.Process]:
        """Processes that wait for their settings."""
        return list(self._warm.values())

    def start_roles(self, rows: Sequence[RoleRow], variables: dict[str, str]) -> None:
        """Start these roles with these settings and keep them alive."""
        self._variables = variables
        for row in rows:
            role = Supervised(row)
            self.roles.append(role)
            self._tasks.append(asyncio.create_task(self._keep(role), name=f"keep-{row.name}"))
        self._watch_logs()
        if self._forkserver_command is not None:
            self.forkserver.begin()

    def watch_services(self, services: Sequence[Restartable]) -> None:
        """Keep these services alive; they run already."""
        self.services = services
        for service in services:
            self._tasks.append(asyncio.create_task(self._keep_service(service), name=f"keep-{service.name}"))
        self._watch_logs()

    async def all_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return when every role has joined. Raises Refusal that names those that have not."""
        try:
            async with asyncio.timeout(seconds):
                for role in self.roles:
                    await role.ready.wait()
        except TimeoutError:
            late = ", ".join(role.row.name for role in self.roles if not role.ready.is_set())
            raise Refusal(f"not ready after {seconds:.0f} s: {late}", f"see their logs in {self._folder.logs}") from None

    async def all_calm(self) -> None:
        """Return when every role works, however long that takes."""
        while late := [role for role in self.roles if not role.ready.is_set()]:
            await late[0].ready.wait()

    async def end(self, grace: float | None = None) -> None:
        """End everything: roles, last of them the simulated carrier, then services.

        `grace`: seconds before a role is killed.
        """
        grace = GRACE_SECONDS if grace is None else grace
        self._ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        running = [(role.row, role.process) for role in self.roles if role.process is not None]
        # Dispatch waits for answers to what is in flight; a carrier that left first would never give them.
        ours = [*self._warm.values(), *(process for row, process in running if row.role != SIMULATOR.role)]
        await asyncio.gather(*(_end(process, grace) for process in ours))
        await asyncio.gather(*(_end(process, grace) for row, process in running if row.role == SIMULATOR.role))
        await self.forkserver.close()
        self.note()
        # Trap: a service that was being started again finishes that in its thread; stop() waits for its lock.
        await asyncio.gather(*(asyncio.to_thread(service.stop) for service in self.services), return_exceptions=True)

    def note(self) -> None:
        """Write the present state for `ps`."""
        try:
            self._folder.write(
                self._folder.roles_file, {"supervisor": own_identity(), "roles": [role.as_json() for role in self.roles]}
            )
        except OSError as fault:
            # Whatever happened to the folder must not keep roles from being watched and ended.
            self._tell(f"cannot write {self._folder.roles_file}: {fault.strerror}")

    async def _keep(self, role: Supervised) -> None:
        while not self._ending:
            try:
                process = await self._start(role)
            except OSError as fault:
                self._tell(f"{role.row.name} cannot be started: {fault}")
                await asyncio.sleep(LONGEST_BACKOFF)
                continue
            watch = asyncio.create_task(self._await_ready(role, process))
            try:
                code = await process.wait()
            finally:
                watch.cancel()
            was_ready = role.ready.is_set()
            role.ready.clear()
            self.note()
            self._tell(
                f"{role.row.name} ended with code {code}{last_fault(self._log(role.row.name))}; "
                f"see {self._log(role.row.name)}"
            )
            role.failures = 0 if was_ready else role.failures + 1
            if role.failures:
                await asyncio.sleep(min(LONGEST_BACKOFF, 0.1 * 2 ** min(role.failures, 10)))

    async def _start(self, role: Supervised) -> Child:
        ready_file(self._folder.path, role.row.name).unlink(missing_ok=True)
        warm = self._warm.pop(role.row.name, None)
        if warm is not None and warm.returncode is None and warm.stdin is not None:
            warm.stdin.write(json.dumps(self._variables).encode())
            warm.stdin.close()
            role.process = warm
        else:
            role.process = await self._fork(role) or await self._start_process(role.row.name, self._command(role.row))
        role.starts += 1
        role.started_at = time.time()
        self.note()
        return role.process

    async def _fork(self, role: Supervised) -> Child | None:
        """A child of the forkserver, for a role that has worked; one that never does is not worth a fault in there."""
        if role.starts == 0 or role.failures:
            return None
        return await self.forkserver.fork({"role": role.row.name, "log": str(self._log(role.row.name))})

    async def _spawn_forkserver(self) -> asyncio.subprocess.Process:
        command = (self._forkserver_command or forkserver_command)([role.row for role in self.roles])
        return await self._start_process("forkserver", command, told=True, tells=True)

    def _watch_logs(self) -> None:
        if not self._logs_watched:
            self._logs_watched = True
            self._tasks.append(asyncio.create_task(keep_bounded(self._logs, self._tell), name="keep-logs"))

    def _logs(self) -> list[Path]:
        """What our children write to."""
        return [
            self._log(name)
            for name in (*(role.row.name for role in self.roles), "forkserver", *(service.name for service in self.services))
        ]

    def _log(self, name: str) -> Path:
        return self._folder.logs / f"{name}.log"

    async def _start_process(
        self, name: str, command: Sequence[str], *, told: bool = False, tells: bool = False
    ) -> asyncio.subprocess.Process:
        """`told`: it will be told something on stdin. `tells`: it will tell something on stdout."""
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        with open_private_log(self._log(name)) as log:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=pipe if told else nothing,
                stdout=pipe if tells else log,
                stderr=log,
                env={**self._environment, **self._variables},
                start_new_session=True,
            )

    async def _await_ready(self, role: Supervised, process: Child) -> None:
        mark = ready_file(self._folder.path, role.row.name)
        while True:
            with suppress(OSError, ValueError, KeyError, TypeError):
                if json.loads(mark.read_text(encoding="utf-8"))["pid"] == process.pid:
                    role.ready.set()
                    self.note()
                    return
            await asyncio.sleep(POLL_SECONDS)

    async def _keep_service(self, service: Restartable) -> None:
        failures = 0
        while True:
            await asyncio.sleep(0.2 if failures == 0 else min(LONGEST_BACKOFF, 0.2 * 2**failures))
            if service.alive():
                failures = 0
                continue
            self._tell(f"{service.name} ended; starting it again")
            try:
                await asyncio.to_thread(service.start)
            except Exception as fault:  # noqa: BLE001  why: whatever kept it from starting, the next try comes
                failures = min(failures + 1, 10)
                self._tell(f"{service.name} did not start: {fault}")


async def _end(process: Child, grace: float) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), grace)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
