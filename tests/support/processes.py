"""Processes by pid, as Linux shows them in /proc: who descends from whom, who is still there.

In: a pid. Out: `Identity` (pid and start, so that a later process with the same pid does not count). A process that has
ended meanwhile is simply not there.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NamedTuple


class Identity(NamedTuple):
    """One process for good."""

    pid: int
    started: int
    name: str


def identity(pid: int) -> Identity | None:
    """None when there is no such process, or only its zombie."""
    found = _stat(pid)
    return None if found is None else found[0]


def is_alive(process: Identity) -> bool:
    """Whether this very process still runs."""
    present = identity(process.pid)
    return present is not None and present.started == process.started


def descendants(pid: int) -> set[Identity]:
    """Children, their children and so on."""
    children: dict[int, list[Identity]] = {}
    for entry in Path("/proc").iterdir():
        found = _stat(int(entry.name)) if entry.name.isdigit() else None
        if found is not None:
            children.setdefault(found[1], []).append(found[0])
    family: set[Identity] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in family:
                family.add(child)
                waiting.append(child.pid)
    return family


def children(pid: int, name: str) -> list[Identity]:
    """The direct children of `pid` with this name."""
    return [process for process in descendants(pid) if process.name == name and _stat_parent(process.pid) == pid]


def kill(process: Identity) -> None:
    """SIGKILL to this very process."""
    assert is_alive(process), process
    os.kill(process.pid, signal.SIGKILL)


def _stat_parent(pid: int) -> int | None:
    found = _stat(pid)
    return None if found is None else found[1]


def _stat(pid: int) -> tuple[Identity, int] | None:
    """(the process, its parent)."""
    try:
        before, _, after = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")
    except OSError:
        return None
    fields = after.split()
    if fields[0] == "Z":
        return None
    return Identity(pid, int(fields[19]), before.partition(" (")[2]), int(fields[1])
