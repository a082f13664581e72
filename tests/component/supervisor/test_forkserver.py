"""The nursery: a role that died is forked from a process that has read all code; its death, its end and its absence."""

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
from infra.supervisor.supervisor import Supervised, Supervisor
from tests.support.fake_roles import WORKING, load_nothing
from tests.support.waiting import until

ROW = RoleRow("fake", None, load_nothing)
FORKING = """
import json, os, signal, sys
from pathlib import Path
from infra.supervisor.forkserver_process import serve

def live(role):
    print(role, "from the nursery", os.getppid(), flush=True)
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
    """A supervisor with one role and a nursery of this program."""
    monkeypatch.setattr("infra.supervisor.forkserver.FIRST_PAUSE", 0.0)
    folder, made = DataFolder(tmp_path), list[Supervisor]()
    folder.create()
    mark = str(folder.run / "fake.json")

    def make(program: str) -> Supervisor:
        made.append(Supervisor(folder, dict(os.environ), lambda _sentence: None,
                               lambda row: (sys.executable, "-c", WORKING, mark),
                               lambda rows: (sys.executable, "-c", program, mark)))
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
    await until(lambda: supervisor.nursery.waits)
    for _ in range(3):
        pid = await again(role)
        assert supervisor.nursery.process is not None and parent(pid) == supervisor.nursery.process.pid
        assert os.getsid(pid) == pid
    assert role.starts == 4
    assert (tmp_path / "logs" / "fake.log").read_text().count("fake from the nursery") == 3


async def test_without_a_nursery_a_role_is_started_all_the_same(supervise: Make) -> None:
    supervisor = supervise(LOST)
    pid = await again(supervisor.roles[0])
    assert parent(pid) == os.getpid()
    assert not supervisor.nursery.waits


async def test_whoever_was_born_of_a_nursery_that_dies_comes_back(supervise: Make) -> None:
    supervisor = supervise(FORKING)
    [role] = supervisor.roles
    await until(lambda: supervisor.nursery.waits)
    born, first = await again(role), supervisor.nursery.process
    assert first is not None

    first.kill()

    await until(lambda: started_ticks(born) is None and role.state == "running" and role.pid != born)
    await until(lambda: supervisor.nursery.waits and supervisor.nursery.process is not first)
    assert parent(await again(role)) != os.getpid()


async def test_a_role_that_never_works_is_not_forked(supervise: Make) -> None:
    supervisor = supervise(FORKING)
    [role] = supervisor.roles
    await until(lambda: role.state == "running" and supervisor.nursery.waits)
    before = role.pid
    assert before is not None
    role.ready.clear()
    os.kill(before, signal.SIGKILL)
    await until(lambda: role.pid not in (before, None))
    assert role.pid is not None and parent(role.pid) == os.getpid()


async def test_a_child_that_fails_says_so_in_its_log(supervise: Make, tmp_path: Path) -> None:
    supervisor = supervise(FAILING)
    [role] = supervisor.roles
    await until(lambda: role.state == "running" and supervisor.nursery.waits)
    assert role.pid is not None
    os.kill(role.pid, signal.SIGKILL)
    log = tmp_path / "logs" / "fake.log"
    await until(lambda: log.exists() and "ValueError: no more" in log.read_text())
    assert supervisor.nursery.waits
    await until(lambda: role.starts >= 3)


async def test_all_of_it_ends(supervise: Make) -> None:
    supervisor = supervise(FORKING)
    [role] = supervisor.roles
    await until(lambda: supervisor.nursery.waits)
    pid, nursery = await again(role), supervisor.nursery.process
    await supervisor.end()
    assert nursery is not None and nursery.returncode is not None
    assert started_ticks(pid) is None and started_ticks(nursery.pid) is None
    assert role.process is not None and role.process.returncode == -signal.SIGTERM


def test_real_roles_are_forked_with_their_log_and_their_settings(tmp_path: Path) -> None:
    with subprocess.Popen(
            [sys.executable, "-m", "infra.supervisor.run_role", "delay,releaser", "--parent", str(os.getpid()), "--nursery"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={"PATH": "/usr/bin", "SLUICE_DATA_DIR": str(tmp_path), "SLUICE_NO_SUCH_SETTING": "1"}) as nursery:
        assert nursery.stdin is not None and nursery.stdout is not None
        assert json.loads(nursery.stdout.readline()) == {"ready": True}
        log = tmp_path / "delay.log"
        nursery.stdin.write(json.dumps({"role": "delay", "log": str(log)}) + "\n")
        nursery.stdin.flush()
        born = json.loads(nursery.stdout.readline())["born"]
        assert json.loads(nursery.stdout.readline()) == {"ended": born, "code": 2}, "wrong settings end a role so"
        assert "NO_SUCH_SETTING" in log.read_text()
        nursery.stdin.close()
        assert nursery.wait(30) == 0
