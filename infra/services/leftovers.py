"""What a killed predecessor left running on a data folder: find it, let it end, or say who uses the folder.

In: the record file of a service (pid and start time of the program and of its owner). Out: nothing runs there any more.
Wrong: the owner is alive: `ServiceError`, the folder is in use.
Reads `/proc`, because a pid alone proves nothing: pids are given out again.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from infra.runtime.private_files import replace_private_file
from infra.services.errors import ServiceError

PROC = Path("/proc")
START_TIME_FIELD = 19  # of /proc/PID/stat, counted after the closing parenthesis of the name
GRACE_SECONDS = 8.0
POLL_SECONDS = 0.05


def write_record(record: Path, pid: int) -> None:
    """Remember who runs here and for whom."""
    facts = {"pid": pid, "started": started(pid), "owner": os.getpid(), "owner_started": started(os.getpid())}
    replace_private_file(record, json.dumps(facts))


def end_leftover(record: Path, stop_signal: signal.Signals) -> None:
    """Return once the program of an earlier owner is gone, helped along if need be."""
    facts = _read(record)
    pid, since = facts.get("pid"), facts.get("started")
    if pid is None or since is None or started(pid) != since:
        return
    if started(facts.get("owner", 0)) == facts.get("owner_started"):
        raise ServiceError(
            f"The folder {record.parent} is in use by process {facts['owner']}.", "Stop it or choose another folder."
        )
    end_processes([pid], stop_signal)


def end_processes(pids: list[int], first: signal.Signals) -> None:
    """Signal the processes, wait, then kill what is left and wait for that."""
    since = {pid: started(pid) for pid in pids}
    for pid in pids:
        _signal(pid, first)
    if not _gone(since, GRACE_SECONDS):
        for pid, begin in since.items():
            if started(pid) == begin:
                _signal(pid, signal.SIGKILL)
        _gone(since, GRACE_SECONDS)


def processes_in(folder: Path, name: str) -> list[int]:
    """Pids of the programs called `name` whose working folder is `folder`."""
    wanted = str(folder.resolve())
    return [int(entry.name) for entry in PROC.glob("[0-9]*") if _works_in(entry, wanted, name)]


def started(pid: int) -> int | None:
    """Start time of a live process in clock ticks since boot; None when there is none (a zombie counts as none)."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[START_TIME_FIELD])


def _works_in(entry: Path, wanted: str, name: str) -> bool:
    try:
        return (entry / "comm").read_text(encoding="latin-1").strip() == name and os.readlink(entry / "cwd") == wanted
    except OSError:
        return False


def _gone(since: dict[int, int | None], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(begin is not None and started(pid) == begin for pid, begin in since.items()):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _read(record: Path) -> dict[str, int]:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
