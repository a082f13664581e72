"""The forkserver: a role that died is forked from a process that has read all code; its death, its end and its absence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from infra.supervisor.data_folder import DataFolder, started_ticks
from infra.supervisor.roles import RoleRow
from infra.supervisor.supervised import Supervised
from infra.supervisor.supervisor import Supervisor
from tests.support.fake_roles import WORKING, load_nothing
from tests.support.waiting import until

ROW = RoleRow("fake", None, load_nothing)
FORKING = """
import json, os, signal, sys
from pathlib import Path
from infra.supervisor.forkserver_process import serve

def live(role):
    print(role, "from the forkserver", os.getppid(), flush=True)
    mark = Path(sys.argv[1])
    mark.with_suffix(".part").write_text(json.dumps({"pid": os.getpid()}))
    mark.with_suffix(".part").replace(mark)
    signal.pause()

sys.exit(serve(live, open(0, "rb", buffering=0, closefd=False)))
"""
FAILING = FORKING.replace("signal.pause()", "raise ValueError('no more')")
LOST = "raise SystemExit(1)"
Make = Callable[[str], Supervisor]


@pytest.fixture
async def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """A supervisor with one role and a forkserver of this program."""
    monkeypatch.setattr("infra.supervisor.forkserver.FIRST_PAUSE", 0.0)
    folder, made = DataFolder(tmp_path), list[Supervisor]()
    folder.create()
    mark = str(folder.run / "fake.json")

    def make(program: str) -> Supervisor:
        made.append(
            Supervisor(
                folder,
                dict(os.environ),
                lambda _sentence: None,
                lambda row: (sys.executable, "-c", WORKING, mark),
                lambda rows: (sys.executable, "-c", program, mark),
            )
        )
        made[0].start_roles([ROW], {})
        return made[0]

    yield make
    await made[0].end()


async def again(role: Supervised) -> int:
    """Kill the role; the pid that works instead."""
    await until(lambda: role.state == "running")
    before = role.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    await until(lambda: role.state == "running" and role.pid != before)
    assert role.pid is not None
    return role.pid


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()[1])


async def test_a_role_that_dies_is_forked_however_often(supervise: Make, tmp_path: Path) -> None:
    supervisor = supervise(FORKING)
    [role] = supervisor.roles
    await until(lambda: supervisor.forkserver.waits)
    for _ in range(3):
        pid = await again(role)
        assert supervisor.forkserver.process is not None and parent(pid) == supervisor.forkserver.process.pid
        assert os.getsid(pid) == pid
    assert role.starts == 4
    assert (tmp_path / "logs" / "fake.log").read_text().count("fake from the forkserver") == 3


async def test_without_a_forkserver_a_role_is_started_all_the_same(supervise: Make) -> None:
    supervisor = supervise(LOST)
    pid = await again(supervisor.roles[0])
    assert parent(pid) == os.getpid()
    assert not supervisor.forkserver.waits


async def test_whoever_was_forked_from_a_forkserver_that_dies_comes_back(supervise: Make) -> None:
    supervisor = supervise(FORKING)
    [role] = supervisor.roles
    await until(lambda: supervisor.forkserver.waits)
    child, first = await again(role), supervisor.forkserver.process
    assert first is not None

    first.kill()

    await until(lambda: started_ticks(child) is None and role.state == "running" and role.pid != child)
    await until(lambda: supervisor.forkserver.waits and supervisor.forkserver.process is not first)
    assert parent(await again(role)) != os.getpid()


async def test_a_role_that_never_works_is_not_forked(supervise: Make) -> None:
    supervisor = supervise(FORKING)
    [role] = supervisor.roles
    await until(lambda: role.state == "running" and supervisor.forkserver.waits)
    before = role.pid
    assert before is not None
    role.ready.clear()
    os.kill(before, signal.SIGKILL)
    await until(lambda: role.pid not in (before, None))
    assert role.pid is not None and parent(role.pid) == os.getpid()


async def test_a_child_that_fails_says_so_in_its_log(supervise: Make, tmp_path: Path) -> None:
    supervisor = supervise(FAILING)
    [role] = supervisor.roles
    await until(lambda: role.state == "running" and supervisor.forkserver.waits)
    assert role.pid is not None
    os.kill(role.pid, signal.SIGKILL)
    log = tmp_path / "logs" / "fake.log"
    await until(lambda: log.exists() and "ValueError: no more" in log.read_text())
    assert supervisor.forkserver.waits
    await until(lambda: role.starts >= 3)


async def test_all_of_it_ends(supervise: Make) -> None:
    supervisor = supervise(FORKING)
    [role] = supervisor.roles
    await until(lambda: supervisor.forkserver.waits)
    pid, forkserver = await again(role), supervisor.forkserver.process
    await supervisor.end()
    assert forkserver is not None and forkserver.returncode is not None
    assert started_ticks(pid) is None and started_ticks(forkserver.pid) is None
    assert role.process is not None and role.process.returncode == -signal.SIGTERM


def test_real_roles_are_forked_with_their_log_and_their_settings(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "infra.supervisor.run_role", "delay,releaser", "--parent", str(os.getpid()), "--forkserver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": "/usr/bin", "SLUICE_DATA_DIR": str(tmp_path), "SLUICE_NO_SUCH_SETTING": "1"},
    ) as forkserver:
        assert forkserver.stdin is not None and forkserver.stdout is not None
        assert json.loads(forkserver.stdout.readline()) == {"ready": True}
        log = tmp_path / "delay.log"
        forkserver.stdin.write(json.dumps({"role": "delay", "log": str(log)}) + "\n")
        forkserver.stdin.flush()
        child = json.loads(forkserver.stdout.readline())["forked"]
        assert json.loads(forkserver.stdout.readline()) == {"ended": child, "code": 2}, "wrong settings end a role so"
        assert "NO_SUCH_SETTING" in log.read_text()
        forkserver.stdin.close()
        assert forkserver.wait(30) == 0
