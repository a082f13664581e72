"""The same single messages through another program: Kannel with its spool, to the product's own simulated carrier.

In: for how long, the API's row to compare with. Out: a row like that of `single`, None with a line that says why when
Kannel or wrk is not installed; the ratios of two rows. Everything is in a temporary folder and on loopback, and ends
with the block. Wrong: a program that does not come up or whose messages do not arrive: `Refusal` with its log.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from string import Template
from typing import NamedTuple

from infra.bench.arrivals import ArrivalCount
from infra.bench.cpu import between, cpu_seconds
from infra.bench.single import FIRST, RECEIPT_SECONDS, WARM_UP_FIRST, WARM_UP_SECONDS
from infra.bench.stack import CARRIER_WINDOW
from infra.bench.target import Row
from infra.bench.wrk import CONNECTIONS, find_wrk, run_wrk
from infra.runtime.console import tell
from infra.runtime.refusal import Refusal
from infra.services.ports import free_port
from infra.settings.load import child_environment

CONFIGURATION = Path(__file__).with_name("kannel.conf")
NEEDED = ("bearerbox", "smsbox", "wrk")
READY_SECONDS, END_SECONDS, LOOK_SECONDS = 20.0, 5.0, 0.05


class Kannel(NamedTuple):
    """`log`: the carrier's."""

    url: str
    password: str
    log: Path
    pids: dict[str, int | None]


def missing_programs() -> list[str]:
    """What has to be installed first; bearerbox and smsbox are in Debian's package `kannel`."""
    return [name for name in NEEDED if shutil.which(name, path=_search_path()) is None]


async def measure_kannel(seconds: float) -> Row | None:
    """Warm up and measure."""
    if missing := missing_programs():
        tell(f"kannel is not measured: {', '.join(missing)} not installed (Debian: apt install kannel wrk)")
        return None
    folder = Path(tempfile.mkdtemp(prefix="sluice-kannel-"))
    try:
        async with _running(folder) as kannel:
            tell("measuring kannel")
            await _whole(kannel, min(WARM_UP_SECONDS, seconds), WARM_UP_FIRST)
            before = cpu_seconds(kannel.pids)
            row = await _whole(kannel, seconds, FIRST)
            await asyncio.sleep(RECEIPT_SECONDS)
            spent = between(before, cpu_seconds(kannel.pids))
            costs = {name: round(value * 1e6 / row["messages"], 2) for name, value in spent.items()}
            return {**row, "cpu_us_per_message": round(sum(costs.values()), 2), "cpu_us_by_process": costs}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def against(ours: Row, theirs: Row) -> dict[str, float]:
    """Our rates and costs over theirs."""
    names = ("accepted_per_second", "carrier_per_second", "cpu_us_per_message")
    return {name: round(ours[name] / theirs[name], 3) for name in names if theirs[name]}


async def _whole(kannel: Kannel, seconds: float, first: int) -> Row:
    arrivals = ArrivalCount(kannel.log)
    shot = await run_wrk(find_wrk() or "wrk", kannel.url, form="kannel", key=kannel.password, seconds=seconds, first=first)
    at_carrier = max(0.001, await arrivals.all_of(shot.accepted))
    return {
        "peer": "kannel",
        "connections": CONNECTIONS,
        "messages": shot.accepted,
        "seconds": round(shot.seconds, 3),
        "refused": shot.refused,
        "broken": shot.broken,
        "accepted_per_second": round(shot.accepted / shot.seconds),
        "carrier_per_second": round(shot.accepted / at_carrier),
        "answer_ms": shot.answers(),
    }


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Kannel]:
    """The carrier, then bearerbox, then smsbox, each once the one before listens; they end the other way round."""
    ports = dict(zip(("admin", "boxes", "smsc", "sendsms"), (free_port() for _ in range(4)), strict=True))
    password, log = secrets.token_hex(8), folder / "smsc.log"
    (folder / "spool").mkdir()
    file = folder / "kannel.conf"
    file.write_text(
        Template(CONFIGURATION.read_text(encoding="utf-8")).substitute(
            ports, password=password, folder=folder, spool=folder / "spool", window=CARRIER_WINDOW
        ),
        encoding="utf-8",
    )
    simulator = {"SLUICE_SIMULATOR__PORT": str(ports["smsc"]), "SLUICE_SIMULATOR__LOG": str(log)}
    async with AsyncExitStack() as programs:

        async def start(command: Sequence[str], port: int, more: dict[str, str] | None = None) -> int:
            pid = await programs.enter_async_context(_program(command, folder, more or {}))
            await _until(lambda: _listens(port), command, folder)
            return pid

        role = (sys.executable, "-P", "-m", "infra.cli.main", "run", "simulator", "--data", str(folder / "data"))
        await start(role, ports["smsc"], simulator)
        bearerbox = await start((_path("bearerbox"), str(file)), ports["boxes"])
        smsbox = await start((_path("smsbox"), str(file)), ports["sendsms"])
        status = f"http://127.0.0.1:{ports['admin']}/status.txt?password={password}"
        await _until(lambda: "online" in _read(status).partition("SMSC connections")[2], ("bearerbox",), folder)
        yield Kannel(f"http://127.0.0.1:{ports['sendsms']}", password, log, {"bearerbox": bearerbox, "smsbox": smsbox})


@asynccontextmanager
async def _program(command: Sequence[str], folder: Path, more: dict[str, str]) -> AsyncIterator[int]:
    """It runs in the block; its words go to a file in the folder."""
    with (folder / f"{Path(command[0]).name}.out").open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env={**child_environment(), **more}, cwd=folder, stdout=out, stderr=out
        )
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), END_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _until(holds: Callable[[], bool], command: Sequence[str], folder: Path) -> None:
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not await asyncio.to_thread(holds):  # noqa: ASYNC110  nothing tells, it is asked
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        name = Path(command[0]).name
        logs = [file for file in (folder / f"{name}.out", folder / f"{name}.log") if file.exists()]
        said = " ".join(file.read_text(encoding="utf-8", errors="replace")[-300:] for file in logs)
        raise Refusal(f"{name} did not come up in {READY_SECONDS:.0f} s: {said.strip()}") from None


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _read(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode(errors="replace"))
    except OSError:
        return ""


def _path(name: str) -> str:
    return shutil.which(name, path=_search_path()) or name


def _search_path() -> str:
    """Kannel's programs are in a folder that is on the search path of root alone."""
    return f"{child_environment().get('PATH', '')}:/usr/sbin"
