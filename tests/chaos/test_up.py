"""`sluice up` as a process: one line, one stack a folder, everything that dies comes back, everything ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from infra.supervisor.data_folder import started_ticks
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
ROLES = "gateway,delay,simulator"
START_SECONDS = 90.0


class Up:
    """A running `sluice up`: its process and the line it printed; to be started again once it has ended."""

    process: subprocess.Popen[str]
    line: dict[str, Any]

    def __init__(self, data: Path) -> None:
        self.data = data
        self.errors = (data.parent / f"{data.name}.err").open("w+")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "infra.cli.main",
                "up",
                "--data",
                str(self.data),
                "--port",
                "0",
                "--roles",
                ROLES,
                "-o",
                "json",
            ],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment(),
        )
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        assert text, (self.data.parent / f"{self.data.name}.err").read_text()
        self.line = json.loads(text)

    def ps(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in json.loads(sluice("ps", "--data", str(self.data), "-o", "json").stdout)}

    def service_pid(self, name: str) -> int:
        return int(json.loads((self.data / name / "process.json").read_text())["pid"])

    def pids(self) -> list[int]:
        services = [self.service_pid(name) for name in ("kafka", "postgres", "redis")]
        return [row["pid"] for row in self.ps().values()] + services


def environment() -> dict[str, str]:
    """Ours, without the product's variables."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("SLUICE_") or name == "SLUICE_CACHE_DIR"
    }


def sluice(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cli.main", *arguments], capture_output=True, text=True, check=False, env=environment()
    )


@contextmanager
def running(data: Path) -> Iterator[Up]:
    up = Up(data)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.send_signal(signal.SIGTERM)
            up.process.wait(30)
        up.errors.close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("up") / "data"
    folder.mkdir(mode=0o700)
    with running(folder) as stack:
        yield stack


def test_the_line(up: Up) -> None:
    assert set(up.line) == {"gateway", "kafka", "postgres", "redis", "api_key", "admin_key", "data_dir"}
    assert json.loads((up.data / "stack.json").read_text()) == up.line
    credentials = up.data / "credentials.json"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert json.loads(credentials.read_text()) == {name: up.line[name] for name in ("api_key", "admin_key")}
    assert up.line["postgres"].startswith("postgresql://") and "127.0.0.1" in up.line["postgres"]
    with urllib.request.urlopen(f"{up.line['gateway']}/readyz", timeout=30) as answer:
        assert answer.status == 200


def test_ps(up: Up) -> None:
    rows = up.ps()
    assert set(rows) == {"gateway", "delay", "simulator"}
    for row in rows.values():
        assert set(row) == {"name", "role", "pool", "pid", "uptime_seconds", "restarts", "state"}
        assert row["state"] == "running" and started_ticks(row["pid"]) is not None


def test_a_second_up_is_refused(up: Up) -> None:
    done = sluice("up", "--data", str(up.data), "--port", "0", "-o", "json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "used by another" in done.stderr
    services = sluice("services", "up", "--data", str(up.data))
    assert (services.returncode, services.stdout) == (1, "")
    assert "a `sluice up` runs" in services.stderr and "next: " in services.stderr
    assert "end with it" in sluice("services", "down", "--data", str(up.data)).stderr
    assert up.process.poll() is None


def test_an_unknown_campaign_is_not_verified(up: Up) -> None:
    done = sluice("verify", "--campaign", "cmp_nope", "--wait", "1", "--data", str(up.data))
    assert (done.returncode, done.stdout) == (1, "") and "no campaign 'cmp_nope'" in done.stderr


def test_a_killed_role_comes_back(up: Up) -> None:
    for times in (1, 2):
        before = up.ps()["delay"]
        os.kill(before["pid"], signal.SIGKILL)
        wait_for(partial(_back, up, before["pid"]), 30)
        assert up.ps()["delay"]["restarts"] >= times


def _back(up: Up, pid: int) -> bool:
    row = up.ps()["delay"]
    return row["pid"] not in (pid, None) and row["state"] == "running"


def test_a_killed_service_comes_back_under_its_address(up: Up) -> None:
    pid = up.service_pid("redis")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: up.service_pid("redis") != pid, 30)
    wait_for(
        lambda: all(
            row["ok"] for row in json.loads(sluice("services", "status", "--data", str(up.data), "-o", "json").stdout)
        ),
        30,
    )
    told = json.loads((up.data / "stack.json").read_text())["redis"]
    assert redis.Redis.from_url(told).ping()


def test_doctor_and_lag_and_diff(up: Up) -> None:
    # After the kill of Redis the gateway may still hold connections that have to fail once.
    found: list[dict[str, Any]] = []

    def well() -> bool:
        done = sluice("doctor", "--data", str(up.data), "-o", "json")
        found[:] = json.loads(done.stdout)
        return done.returncode == 0

    wait_for(well, 30)
    assert {row["name"] for row in found} == {
        "data folder",
        "keyring",
        "kernels",
        "kafka",
        "postgres",
        "redis",
        "topics",
        "database",
        "gateway",
    }
    assert json.loads(sluice("topics", "diff", "--data", str(up.data), "-o", "json").stdout) == []
    rows = json.loads(sluice("lag", "--data", str(up.data), "-o", "json").stdout)
    assert {row["consumer"] for row in rows} >= {"sluice-streams-otp", "sluice-dispatch-bulk", "sluice-delay"}


def test_sigterm_ends_all_and_a_restart_keeps_everything(up: Up) -> None:
    created = sluice("tenant", "create", "acme", "--balance", "2.5", "--data", str(up.data), "-o", "json")
    assert set(json.loads(created.stdout)) == {"id", "api_key"}
    sluice("carrier", "set", "simulator", "--rate", "77", "--data", str(up.data))
    line, pids = up.line, up.pids()
    begun = time.monotonic()
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 0
    assert time.monotonic() - begun < 30
    assert up.process.stdout is not None and up.process.stdout.read() == ""
    assert [pid for pid in pids if started_ticks(pid) is not None] == []
    assert {row["state"] for row in up.ps().values()} == {"down"}
    up.start()
    assert up.line == line
    carriers = json.loads(sluice("carrier", "list", "--data", str(up.data), "-o", "json").stdout)
    assert [(row["id"], row["rate"]) for row in carriers] == [("simulator", 77)]
    balances = {
        row["name"]: row["balance"]
        for row in json.loads(sluice("tenant", "list", "--data", str(up.data), "-o", "json").stdout)
    }
    assert balances == {"default": "1000000.0000", "acme": "2.5000"}


def test_all_ends_with_a_killed_up_and_the_next_one_goes_on(up: Up) -> None:
    """Kill the supervisor alone: everything it started ends within ten seconds."""
    line, pids = up.line, up.pids()
    up.process.kill()
    up.process.wait(30)
    wait_for(lambda: all(started_ticks(pid) is None for pid in pids), 10)
    assert {row["pid"] for row in up.ps().values()} == {None}
    up.start()
    assert up.line == line


def test_services_alone(tmp_path: Path) -> None:
    data, config, elsewhere = str(tmp_path / "data"), tmp_path / "own.toml", "redis://127.0.0.1:1/7"
    config.write_text(f'[redis]\nurl = "{elsewhere}"\n')
    done = sluice("services", "up", "--data", data, "--config", str(config), "-o", "env")
    try:
        assert done.returncode == 0, done.stderr
        names = [line.partition("=")[0] for line in done.stdout.splitlines()]
        assert names == ["SLUICE_KAFKA__BOOTSTRAP", "SLUICE_POSTGRES__URL", "SLUICE_REDIS__URL"]
        assert done.stdout.splitlines()[2] == f"SLUICE_REDIS__URL={elsewhere}" and not (tmp_path / "data" / "redis").exists()
        again = sluice("services", "up", "--data", data, "-o", "csv").stdout.splitlines()
        assert again[0] == "kafka,postgres,redis" and again[1].endswith(elsewhere)
        states = json.loads(sluice("services", "status", "--data", data, "-o", "json").stdout)
        assert {row["name"]: row["ok"] for row in states} == {"kafka": True, "postgres": True, "redis": False}
        assert sluice("db", "upgrade", "--data", data).returncode == 0
        assert sluice("db", "status", "--data", data).returncode == 0
    finally:
        down = sluice("services", "down", "--data", data)
    assert down.returncode == 0
    gone = sluice("services", "status", "--data", data)
    assert gone.returncode == 1
    assert "rdkafka" not in gone.stderr  # a client that looks for its broker fifty times a second says so as often
