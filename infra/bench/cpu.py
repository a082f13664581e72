"""What processes cost, read from /proc: CPU seconds before and after, memory now.

In: pids by name; the children of each count with it. Out: seconds or octets by name. A process that has gone counts as
nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


class Process(NamedTuple):
    """`seconds`: its own and those of children already waited for."""

    name: str
    parent: int
    seconds: float
    resident: int


def cpu_seconds(pids: Mapping[str, int | None]) -> dict[str, float]:
    """User and system time so far of each process and all below it."""
    return {name: sum(one.seconds for one in tree) for name, tree in _trees(pids).items()}


def resident_octets(pids: Mapping[str, int | None]) -> dict[str, int]:
    """Resident memory of each process and all below it; what they share counts once for each."""
    return {name: sum(one.resident for one in tree) for name, tree in _trees(pids).items()}


def own(pid: int) -> Process:
    """One process without those below it; all nothing when it has gone."""
    return _all_processes().get(pid, Process("", 0, 0.0, 0))


def proportional_octets(pids: Mapping[str, int | None]) -> dict[str, int]:
    """Memory of each process and all below it, where what several processes share is divided among them."""
    known = _all_processes()
    return {name: sum(map(_proportional, _with_below(pid, known))) if pid else 0 for name, pid in pids.items()}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was spent in between."""
    return {name: max(0.0, after[name] - before.get(name, 0.0)) for name in after}


def children(pid: int) -> dict[int, str]:
    """The names of the processes right below this one, by pid."""
    return {child: one.name for child, one in _all_processes().items() if one.parent == pid}


def _trees(pids: Mapping[str, int | None]) -> dict[str, list[Process]]:
    known = _all_processes()
    return {name: [known[one] for one in _with_below(pid, known)] if pid else [] for name, pid in pids.items()}


def _with_below(pid: int, known: Mapping[int, Process]) -> list[int]:
    found = [pid] if pid in known else []
    for parent in found:
        found += [child for child, process in known.items() if process.parent == parent]
    return found


def _proportional(pid: int) -> int:
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text(encoding="latin-1")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def _all_processes() -> dict[int, Process]:
    found = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            before, _, after = (entry / "stat").read_text(encoding="latin-1").rpartition(") ")
        except OSError:
            continue
        fields = after.split()
        # Fields 4, 14 to 17 and 24 of proc(5).
        found[int(entry.name)] = Process(
            before.partition("(")[2], int(fields[1]), sum(map(int, fields[11:15])) / TICK, int(fields[21]) * PAGE
        )
    return found
