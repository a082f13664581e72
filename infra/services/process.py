"""Child processes that cannot outlive us: spawn, watch, stop.

In: a `Command`. Out: a `Child` with its own session and log file; the kernel signals it when we end, however we end.
Wrong: the program is missing, dies at once or never answers: `ServiceError` with the last lines of its log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue

from infra.runtime.private_files import UMASK, open_private_log
from infra.services.errors import ServiceError

GUARD = Path(__file__).with_name("guard.py")
POLL_SECONDS = 0.02
TAIL_LINES = 5
TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run: `argv[0]` is an absolute path; `user` (uid, gid) None keeps ours; `env` None hands ours on."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    user: tuple[int, int] | None = None
    keep_fds: tuple[int, ...] = ()


class Child:
    """One running program; every method may be called from any thread."""

    def __init__(self, command: Command, process: subprocess.Popen[bytes], log_start: int) -> None:
        self._command = command
        self._process = process
        self._log_start = log_start

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Ask, wait, then kill. Twice is harmless."""
        if not self.alive():
            return
        self._process.send_signal(self._command.stop_signal)
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_until(self, answers: Callable[[], bool], seconds: float) -> None:
        """Poll `answers` until it says yes; the program's death or the deadline is an error."""
        deadline = time.monotonic() + seconds
        while not (answers() and self.alive()):
            if not self.alive():
                raise self.failure(f"{self._command.name} ended while starting (code {self._process.returncode}).")
            if time.monotonic() > deadline:
                self.stop()
                raise self.failure(f"{self._command.name} did not answer within {seconds:.0f} s.")
            time.sleep(POLL_SECONDS)

    def finish(self, seconds: float) -> None:
        """Wait for a program that ends by itself; a non-zero code or the deadline is an error."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise self.failure(f"{self._command.name} took longer than {seconds:.0f} s.") from None
        if code != 0:
            raise self.failure(f"{self._command.name} failed with code {code}.")

    def tail(self) -> str:
        """The last log lines of this run."""
        with self._command.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            # A log may have been begun anew meanwhile: then all of it is of this run.
            log.seek(max(self._log_start if self._log_start <= end else 0, end - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join([line for line in lines if line.strip()][-TAIL_LINES:])

    def failure(self, problem: str) -> ServiceError:
        """An error that carries the end of the log."""
        return ServiceError(f"{problem} The last lines of its log:\n{self.tail()}\n", f"See {self._command.log}.")


def spawn(command: Command) -> Child:
    """Start the command through the guard, in a session of its own, stdout and stderr appended to its log.

    A session of its own: Ctrl-C at a terminal reaches the supervisor alone, which stops things in their order.
    """
    if sys.platform != "linux":
        raise ServiceError("The embedded services need Linux.", "Use `docker compose up`, or point to servers you run.")
    return _on_spawner(lambda: _spawn(command))


def _spawn(command: Command) -> Child:
    uid, gid = command.user or (-1, -1)
    guard = (sys.executable, "-I", "-S", str(GUARD), str(int(command.stop_signal)), str(os.getpid()), str(uid), str(gid))
    try:
        with open_private_log(command.log) as log:
            process = subprocess.Popen(
                (*guard, *command.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=command.env,
                pass_fds=command.keep_fds,
                start_new_session=True,
                umask=UMASK,
            )
            return Child(command, process, os.fstat(log.fileno()).st_size)
    except OSError as error:
        raise ServiceError(f"Cannot start {command.name}: {error}.", "Check the data folder and free memory.") from error


@cache
def _spawner() -> SimpleQueue[Callable[[], None]]:
    """The queue of the one thread that starts children.

    Trap: the kernel's parent-death signal is sent when the *thread* that forked ends, not the process. A child started
    from a short-lived worker thread would be signalled at once; this thread lives as long as we do.
    """
    jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def work() -> None:
        while True:
            jobs.get()()

    threading.Thread(target=work, name="service-spawner", daemon=True).start()
    return jobs


def _on_spawner(start: Callable[[], Child]) -> Child:
    answer: Future[Child] = Future()

    def job() -> None:
        try:
            answer.set_result(start())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller, whatever it is
            answer.set_exception(error)

    _spawner().put(job)
    return answer.result()
