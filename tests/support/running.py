"""One whole stack as an operator starts it: `sluice up -o json` in a folder of its own, ended by SIGINT.

In: a folder and a settings file. Out: `Running`: addresses, keys, `cli`, `api`, `ps`, `verify`, fresh telephone numbers,
what the carriers logged. Leaving the block checks that everything ended within 30 s and left no process behind.
Wrong: a stack that does not start fails the test with the end of what it said on stderr.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from connectors.simulator.log import Entry
from tests.support.gateway_client import GatewayClient
from tests.support.processes import Identity, children, descendants, identity, is_alive
from tests.support.rough_carrier import PASSWORD, SYSTEM_ID, RoughCarrier, SubmitsSeen, rough_carrier

REPOSITORY = Path(__file__).parents[2]
SLUICE = Path(sys.executable).with_name("sluice")
GUARD = REPOSITORY / "infra" / "services" / "guard.py"
START_SECONDS = 100.0
END_SECONDS = 30.0
ORPHAN_SECONDS = 10.0
KEPT = ("api_key", "admin_key", "data_dir")
COMMAND_SECONDS = 100.0
ROLE_NAMES = frozenset(
    {"gateway", "streams-otp", "streams-bulk", "dispatch-otp", "dispatch-bulk", "sinks", "delay", "releaser", "simulator"}
)
SERVICE_PROGRAMS = {"kafka": "java", "postgres": "postgres", "redis": "redis-server"}

SETTINGS = """
[simulator.script]
receipt_delay_seconds = 0.02
error_suffixes = {{ "666" = 11, "667" = 1 }}

[[carriers]]
id = "steady"
kind = "simulator"
rate = {rate}
window = 200

[[carriers]]
id = "rough"
kind = "smpp"
rate = {rate}
window = 100
[carriers.smpp]
host = "127.0.0.1"
port = {rough_port}
system_id = "{system_id}"
password = "{password}"
response_timeout_seconds = 5.0

[[routes]]
prefix = ""
carriers = ["steady"]
price = "0.0100"

[[routes]]
prefix = "+44"
carriers = ["rough"]
price = "0.0300"
"""
"""Two carriers: `steady` is the stack's own simulator; `rough`, for +44, lives in the tests. Endings 666 and 667: refused
for good as a bad destination or a bad length."""

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Running:
    """A stack that works."""

    folder: Path
    process: subprocess.Popen[str]
    line: dict[str, str]
    rough: RoughCarrier
    _german: Iterator[int] = field(default_factory=lambda: itertools.count(10_000_000))
    _british: Iterator[int] = field(default_factory=lambda: itertools.count(100_000))

    @property
    def api(self) -> GatewayClient:
        """The gateway with the key of the tenant `default`."""
        return GatewayClient(self.line["gateway"], self.line["api_key"])

    def api_of(self, key: str | None) -> GatewayClient:
        """The gateway with another key, or with none."""
        return GatewayClient(self.line["gateway"], key)

    def cli(self, *arguments: str, code: int = 0, output: str | None = "json") -> Any:
        """What `sluice ... -o json` says, decoded; it must end with this exit code."""
        done = self.run(*arguments, *(("-o", output) if output else ()))
        assert done.returncode == code, (arguments, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return json.loads(done.stdout) if output == "json" and done.stdout.strip() else done.stdout

    def run(self, *arguments: str, stdin: int | None = None) -> subprocess.CompletedProcess[str]:
        """A command on this stack, whatever it says. `stdin`: a terminal of its own, say."""
        return subprocess.run(
            [str(SLUICE), *arguments, "--data", self.line["data_dir"]],
            stdin=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=_environment(),
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def verify(self, seconds: int = 60, code: int = 0) -> dict[str, Any]:
        """What the conservation checker finds."""
        return dict(self.cli("verify", "--wait", str(seconds), code=code))

    def role(self, name: str) -> dict[str, Any]:
        """The row of `sluice ps` of this role."""
        return next(row for row in self.cli("ps") if row["name"] == name)

    def role_process(self, name: str) -> Identity:
        """The process of this role, which must run."""
        found = identity(self.role(name)["pid"])
        assert found is not None, name
        return found

    def german(self, count: int) -> list[str]:
        """Numbers never used before, which go to the carrier `steady`; none is refused by it."""
        return list(itertools.islice((f"+49151{n}" for n in self._german if n % 1000 not in (666, 667)), count))

    def british(self, count: int) -> list[str]:
        """Numbers never used before, which go to the carrier `rough`."""
        return list(itertools.islice((f"+447400{n}" for n in self._british), count))

    @property
    def seen(self) -> SubmitsSeen:
        """What the stack's own simulator noted."""
        return SubmitsSeen(Path(self.line["data_dir"]) / "logs" / "simulator-smsc.log")

    def entries(self) -> list[Entry]:
        """Every submit that the stack's own simulator saw."""
        return self.seen.entries()

    def stop(self) -> None:
        """End all of it with SIGINT, as an operator does; checked."""
        _end(self.process, self.folder)

    def kill(self) -> None:
        """SIGKILL to `up` alone; what it had started ends by itself within ten seconds."""
        family = descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        until(lambda: not any(is_alive(one) for one in family), ORPHAN_SECONDS, "the end of its children")

    def start_again(self) -> None:
        """`sluice up` on the same folder; the keys are the same."""
        before, self.process = self.line, _start(self.folder)
        self.line = _first_line(self.process, self.folder)
        assert {name: self.line[name] for name in KEPT} == {name: before[name] for name in KEPT}

    def service_process(self, name: str) -> Identity:
        """The process of this service, a child of `up`."""
        found = children(self.process.pid, SERVICE_PROGRAMS[name])
        assert len(found) == 1, (name, found, descendants(self.process.pid))
        return found[0]


def until(look: Callable[[], T], seconds: float, what: str = "it") -> T:
    """The first true value that `look` gives; AssertionError with the last one after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s; last seen: {found!r}"
        select.select([], [], [], 0.05)  # why: nothing to be woken by, so it asks again a little later


def campaign_when(
    api: GatewayClient, identity: str, holds: Callable[[dict[str, Any]], object], seconds: float
) -> dict[str, Any]:
    """The campaign as soon as `holds` is true of it; AssertionError with its last state after `seconds`."""
    last: dict[str, Any] = {}

    def look() -> object:
        last.update(api.campaign(identity))
        return holds(last)

    try:
        until(look, seconds)
    except AssertionError:
        raise AssertionError(f"the campaign did not get there within {seconds} s: {last}") from None
    return last


@contextmanager
def running_stack(rate: int = 2000, more: str = "", below: str = "") -> Iterator[Running]:
    """Everything up inside the block; everything gone after it, which is checked. `more`: further settings, carriers and
    routes. `below`: a path to be put between the folder and all that lies in it."""
    with tempfile.TemporaryDirectory(prefix="sl-", ignore_cleanup_errors=True) as name:
        folder = Path(name, below)
        folder.mkdir(parents=True, exist_ok=True)
        with rough_carrier(folder) as rough:
            (folder / "sluice.toml").write_text(
                SETTINGS.format(rate=rate, rough_port=rough.port, system_id=SYSTEM_ID, password=PASSWORD) + more
            )
            process = _start(folder)
            running = Running(folder=folder, process=process, line={}, rough=rough)
            try:
                running.line = _first_line(process, folder)
                yield running
            finally:
                _end(running.process, folder)


def _start(folder: Path) -> subprocess.Popen[str]:
    """`sluice up`, which ends with this process even when that is killed."""
    guard = [sys.executable, "-I", "-S", str(GUARD), str(int(signal.SIGTERM)), str(os.getpid()), "-1", "-1"]
    with (folder / "up.err").open("a") as errors:
        return subprocess.Popen(
            [*guard, str(SLUICE), "up", "-o", "json", "--data", str(folder / "d"), "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env=_environment(),
        )


def _first_line(process: subprocess.Popen[str], folder: Path) -> dict[str, str]:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if readable else ""
    assert line, f"`sluice up` said nothing within {START_SECONDS} s:\n{_said(folder)}"
    return dict(json.loads(line))


def _end(process: subprocess.Popen[str], folder: Path) -> None:
    family = descendants(process.pid)
    begun = time.monotonic()
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        code = process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"`sluice up` did not end within {END_SECONDS} s of SIGINT:\n{_said(folder)}") from None
    left = [one for one in family if is_alive(one)]
    for one in left:
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
    assert not left, f"left behind after {time.monotonic() - begun:.1f} s: {left}"
    assert code == 0, (code, _said(folder))
    assert process.stdout is not None
    assert process.stdout.read() == "", "`up -o json` says one line and nothing else"


def _said(folder: Path) -> str:
    """What `up` said, and the last lines of roles that are not ready."""
    said = (folder / "up.err").read_text(errors="replace")[-2000:]
    for log in sorted((folder / "d" / "logs").glob("*.log")):
        if log.stem in ROLE_NAMES and not (folder / "d" / "run" / f"{log.stem}.json").exists():
            said += f"\n--- {log.name}\n{log.read_text(errors='replace')[-1000:]}"
    return said


def _environment() -> dict[str, str]:
    """Ours, without settings of the product, so that only the folder counts."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_") or "CACHE" in name}


@pytest.fixture(scope="session")
def stack() -> Iterator[Running]:
    """The one stack that the manual's tests and the tests of the whole way share."""
    with running_stack() as running:
        yield running
