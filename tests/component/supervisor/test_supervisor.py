"""The supervisor: what dies comes back, at once when it had worked, spaced out when it never did; all of it ends."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from infra.supervisor.data_folder import DataFolder, own_identity, role_rows, started_ticks
from infra.supervisor.roles import RoleRow
from infra.supervisor.supervised import Supervised
from infra.supervisor.supervisor import Supervisor
from tests.support.fake_roles import WORKING, load_nothing
from tests.support.waiting import until

DEAF = WORKING.replace("signal.pause()", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()")
NEVER_READY = "raise SystemExit(3)"
ROW = RoleRow("fake", None, load_nothing)


class Fakes:
    """A supervisor of fake roles in a folder."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = DataFolder(folder)
        self.folder.create()
        mark = self.folder.run / "fake.json"
        self.said: list[str] = []
        self.supervisor = Supervisor(
            self.folder, dict(os.environ), self.said.append, lambda row: (sys.executable, "-c", program, str(mark))
        )

    def start(self) -> Supervised:
        self.supervisor.start_roles([ROW], {})
        return self.supervisor.roles[0]


@pytest.fixture
async def fakes(tmp_path: Path) -> AsyncIterator[Callable[[str], Fakes]]:
    made: list[Fakes] = []

    def make(program: str) -> Fakes:
        made.append(Fakes(tmp_path, program))
        return made[-1]

    yield make
    for fake in made:
        await fake.supervisor.end()


async def test_a_killed_role_comes_back_at_once_however_often(fakes: Callable[[str], Fakes]) -> None:
    role = fakes(WORKING).start()
    seen, took = set(), list[float]()
    for _ in range(4):
        await until(lambda: role.state == "running")
        pid = role.pid
        assert pid is not None and pid not in seen
        seen.add(pid)
        begun = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: role.pid not in (pid, None))  # type: ignore[misc]
        took.append(time.monotonic() - begun)
    assert sum(took) - max(took) < 2, "a machine may stand still once"
    assert role.starts == 5


WARM = WORKING.replace(
    "mark = ",
    """
given = json.loads(sys.stdin.read()) if sys.argv[2:] else dict(os.environ)
Path(sys.argv[1]).with_suffix(".given").write_text(given["SLUICE_X"])
mark = """,
    1,
)


async def test_a_warm_process_is_given_its_settings(fakes: Callable[[str], Fakes]) -> None:
    fake = fakes(WARM)
    await fake.supervisor.warm_up([ROW])
    told = fake.folder.run / "fake.given"
    for start in ("warm", "anew"):
        if start == "warm":
            fake.supervisor.start_roles([ROW], {"SLUICE_X": "y"})
        [role] = fake.supervisor.roles
        await until(lambda: role.state == "running")  # noqa: B023  polled before the next round
        assert told.read_text() == "y"
        told.unlink()
        pid = role.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: role.pid not in (pid, None))  # noqa: B023
    assert role.starts == 3


async def test_a_warm_process_that_is_never_started_ends(fakes: Callable[[str], Fakes]) -> None:
    fake = fakes(WARM)
    await fake.supervisor.warm_up([ROW])
    [process] = fake.supervisor.warm
    await fake.supervisor.end()
    assert process.returncode is not None


async def test_a_role_that_never_works_is_spaced_out(fakes: Callable[[str], Fakes]) -> None:
    fake = fakes(NEVER_READY)
    begun, role = time.monotonic(), fake.start()
    await until(lambda: role.starts >= 5)
    assert not role.ready.is_set()
    assert time.monotonic() - begun > 0.2 + 0.4 + 0.8 + 1.6
    assert any("code 3" in sentence for sentence in fake.said)


async def test_everything_ends(fakes: Callable[[str], Fakes]) -> None:
    fake = fakes(WORKING)
    role = fake.start()
    await until(lambda: role.state == "running")
    pid = role.pid
    await fake.supervisor.end()
    assert pid is not None and started_ticks(pid) is None
    assert role.state == "down"


async def test_a_role_that_does_not_listen_is_killed(fakes: Callable[[str], Fakes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.supervisor.supervisor.GRACE_SECONDS", 0.3)
    fake = fakes(DEAF)
    role = fake.start()
    await until(lambda: role.state == "running")
    await fake.supervisor.end()
    assert role.process is not None and role.process.returncode == -signal.SIGKILL


async def test_ps_reads_the_notes(fakes: Callable[[str], Fakes]) -> None:
    fake = fakes(WORKING)
    role = fake.start()
    await until(lambda: role.state == "running")
    known = json.loads(fake.folder.roles_file.read_text())
    [row] = role_rows(known, time.time())
    assert set(row) == {"name", "role", "pool", "pid", "uptime_seconds", "restarts", "state"}
    assert (row["name"], row["pid"], row["restarts"], row["state"]) == ("fake", role.pid, 0, "running")
    assert 0 <= row["uptime_seconds"] < 60


def test_ps_shows_no_pid_when_the_supervisor_is_gone() -> None:
    note = {
        "name": "fake",
        "role": "fake",
        "pool": None,
        "pid": os.getpid(),
        "started_at": 0.0,
        "restarts": 2,
        "state": "running",
    }
    pid, ticks = own_identity()
    [row] = role_rows({"supervisor": [pid, ticks + 1], "roles": [note]}, 1.0)
    assert (row["pid"], row["uptime_seconds"], row["state"], row["restarts"]) == (None, None, "down", 2)


class FakeService:
    """A service that dies when it is told to."""

    name = "fake-service"
    pid = None

    def __init__(self, refusals: int) -> None:
        self.up = True
        self.starts = 0
        self.refusals = refusals

    def alive(self) -> bool:
        return self.up

    def start(self) -> None:
        self.starts += 1
        if self.starts <= self.refusals:
            raise OSError("not yet")
        self.up = True

    def stop(self) -> None:
        self.up = False


@pytest.mark.parametrize("refusals", [0, 1])
async def test_a_dead_service_is_started_again(fakes: Callable[[str], Fakes], refusals: int) -> None:
    supervisor = fakes(WORKING).supervisor
    service = FakeService(refusals)
    supervisor.watch_services([service])
    service.up = False
    await until(service.alive)
    assert service.starts == refusals + 1
    await supervisor.end()
    assert not service.alive()


def test_the_lock_is_held_once(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.create()
    assert first.lock("up")
    assert not second.lock("up")
    first.unlock()
    assert second.lock("up")
    second.unlock()


def test_files_with_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.create()
    folder.write(folder.credentials_file, {"api_key": "x"})
    assert folder.credentials_file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert folder.read(folder.credentials_file) == {"api_key": "x"}
