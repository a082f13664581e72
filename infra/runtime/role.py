"""What a role is given, and the one way to run it: event loop, signals, logs, the mark that it works.

In: settings, the role's name and its `run(role)`. Out: an exit code for the supervisor: 0 after a stop that was asked
for, 70 when `run` ended by itself or raised (it is started again). `DATA/run/<name>.json` holds `{"pid", "ready_at"}`
from the moment the role has joined, and what the role has put into `announced`. A role that does not return within five
seconds of the stop is ended where it stands; that is always harmless.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog
import uvloop

from infra.runtime.priority import lower_session_priority
from infra.runtime.private_files import UMASK, make_private_folder, replace_private_file
from infra.settings.model import Settings
from infra.telemetry.logs import configure_logs

FAILED = 70
"""The exit code of a role that could not go on in place."""

STOP_SECONDS = 5.0
PoolName = Literal["otp", "bulk"]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleContext:
    """`name`: e.g. `streams-bulk`. `instance`: a stable ordinal for static membership, e.g. `streams-bulk-0`.

    `ready` may be called again; only the first call counts, with what `announced` holds by then. `run` returns soon after
    `stop` is set.
    """

    settings: Settings
    name: str
    pool: PoolName | None
    instance: str
    stop: asyncio.Event
    ready: Callable[[], None]
    announced: dict[str, str] = field(default_factory=dict)


Run = Callable[[RoleContext], Awaitable[None]]


def serve_role(run: Run, *, settings: Settings, name: str, pool: PoolName | None, instance: str, nice: int = 0) -> int:
    """Run this role until SIGINT or SIGTERM; the exit code. `nice`: its session's priority below others."""
    # A burst makes tens of thousands of small values and drops them: looked over every 700 of them, they would cost a
    # quarter of a stage's time.
    gc.set_threshold(100_000, 20, 20)
    os.umask(UMASK)
    configure_logs(settings.telemetry.log_level, role=name, instance=instance)
    mark = ready_file(settings.data_dir, name)
    try:
        return uvloop.run(_serve(run, settings, name, pool, instance, mark, nice))
    finally:
        _withdraw(mark)


def ready_file(data_dir: Path, name: str) -> Path:
    """Where the role of this name says that it works."""
    return data_dir / "run" / f"{name}.json"


def end_with_parent(parent: int) -> None:
    """Have Linux end this process when `parent` ends; at once when it is gone already."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_death_signal, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(FAILED)


async def _serve(
    run: Run, settings: Settings, name: str, pool: PoolName | None, instance: str, mark: Path, nice: int
) -> int:
    lower_session_priority(nice)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _ask_to_stop, stop, loop)
    announced: dict[str, str] = {}
    role = RoleContext(
        settings=settings,
        name=name,
        pool=pool,
        instance=instance,
        stop=stop,
        ready=lambda: _announce(mark, announced),
        announced=announced,
    )
    try:
        await run(role)
    except Exception:  # why: the last frame of a process; whatever it was, the answer is a new process
        log.exception("the role cannot go on and ends", action="role_failed")
        _leave(FAILED)
    if not stop.is_set():
        log.error("the role ended without being asked to", action="role_ended")
        _leave(FAILED)
    _leave(0)
    return 0


def _ask_to_stop(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    if stop.is_set():
        _leave(0)
    stop.set()
    log.info("asked to stop", action="stopping")
    loop.call_later(STOP_SECONDS, _leave, 0)


def _leave(code: int) -> None:
    """End now. Trap: an ordinary exit would join threads that may hang in a client library."""
    with suppress(OSError):
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(code)


def _announce(mark: Path, announced: Mapping[str, str]) -> None:
    if _is_mine(mark):
        return
    # What is here now stays: looking it over would hold up everything for tens of milliseconds.
    gc.freeze()
    make_private_folder(mark.parent)
    replace_private_file(mark, json.dumps({"pid": os.getpid(), "ready_at": time.time(), **announced}))
    log.info("joined and working", action="ready")


def _is_mine(mark: Path) -> bool:
    try:
        return bool(json.loads(mark.read_text(encoding="utf-8"))["pid"] == os.getpid())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _withdraw(mark: Path) -> None:
    if _is_mine(mark):
        mark.unlink(missing_ok=True)
