"""CPU seconds of roles and services, read from /proc before and after.

In: pids by name; the children of each count with it. Out: seconds by name. A process that has gone counts as nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def cpu_seconds(pids: Mapping[str, int | None]) -> dict[str, float]:
    """User and system time so far of each process and all below it."""
    spent, parents = _all_processes()
    below: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        below.setdefault(parent, []).append(pid)
    return {name: _tree(pid, spent, below) if pid else 0.0 for name, pid in pids.items()}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was spent in between."""
    return {name: max(0.0, after[name] - before.get(name, 0.0)) for name in after}


def _tree(pid: int, spent: Mapping[int, float], below: Mapping[int, list[int]]) -> float:
    return spent.get(pid, 0.0) + sum(_tree(child, spent, below) for child in below.get(pid, ()))


def _all_processes() -> tuple[dict[int, float], dict[int, int]]:
    """(seconds by pid, parent by pid)."""
    spent, parents = {}, {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text(encoding="latin-1").rpartition(") ")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        # Own time and that of children already waited for; fields 14 to 17 of proc(5).
        spent[pid] = sum(map(int, fields[11:15])) / TICK
        parents[pid] = int(fields[1])
    return spent, parents
