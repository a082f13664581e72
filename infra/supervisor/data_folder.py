"""The data folder of a stack: its lock, its credentials, and the files by which commands find what runs.

In: a path. Out: `DataFolder`. Files are readable by their owner alone and replaced as a whole. A folder that was there keeps
its mode, what we put into it is closed to others all the same. Wrong: the folder is used by another `up`, or cannot be
written: `Refusal`.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from infra.runtime.private_files import make_private_folder, replace_private_file
from infra.runtime.refusal import Refusal

LOCK_PATIENCE = 0.5


class DataFolder:
    """Paths and small files below one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.stack_file = self.path / "stack.json"
        self.credentials_file = self.path / "credentials.json"
        self.roles_file = self.run / "roles.json"
        self.services_file = self.run / "services.json"
        self.ports_file = self.path / "ports.json"
        self._locks: list[int] = []

    def create(self) -> None:
        """Make the folder and those in it; what is there stays as it is."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private_folder(self.logs)
            make_private_folder(self.run)
        except FileExistsError as fault:
            raise Refusal(f"cannot use {fault.filename}: it is no folder", "choose another one with --data") from fault
        except OSError as fault:
            raise Refusal(f"cannot write to {self.path}: {fault.strerror}", "choose another folder with --data") from fault

    def lock(self, name: str) -> bool:
        """Whether this process holds the lock `name` now; it lasts as long as the process, however that ends."""
        descriptor = os.open(self.run / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        until = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(descriptor)
                    return False
                time.sleep(0.02)
                continue
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            self._locks.append(descriptor)
            return True

    def unlock(self) -> None:
        """Give up every lock of this object."""
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks.clear()

    def read(self, file: Path) -> dict[str, Any]:
        """The JSON object in this file; empty when there is none."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, file: Path, content: dict[str, Any]) -> None:
        """Replace the file as a whole, readable by its owner alone."""
        replace_private_file(file, json.dumps(content))


def started_ticks(pid: int) -> int | None:
    """When this process started, in clock ticks since boot; None when there is no such process (or it is a zombie)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(") ")[2].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else int(after_name[19])


def is_alive(identity: object) -> bool:
    """Whether the process noted as `[pid, ticks]` still runs; a later one with its pid does not count."""
    if not isinstance(identity, list) or len(identity) != 2:
        return False
    return bool(started_ticks(int(identity[0])) == identity[1])


def own_identity() -> list[int]:
    """This process as `[pid, ticks]`."""
    return [os.getpid(), started_ticks(os.getpid()) or 0]


def role_rows(known: dict[str, Any], now: float) -> list[dict[str, Any]]:
    """The rows of `ps` from the supervisor's notes."""
    supervised = is_alive(known.get("supervisor"))
    rows = []
    for role in known.get("roles", []):
        pid = role["pid"] if supervised else None
        rows.append(
            {
                "name": role["name"],
                "role": role["role"],
                "pool": role["pool"],
                "pid": pid,
                "uptime_seconds": round(now - role["started_at"], 1) if pid else None,
                "restarts": role["restarts"],
                "state": role["state"] if pid else "down",
            }
        )
    return rows
