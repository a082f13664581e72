"""The load generator `wrk`, when it is installed: single messages without the limits of a client in Python.

In: where to send and in which form, for how long, over how many connections. Out: `WrkResult`: how many were accepted and
how soon. Wrong: wrk ends with an error or prints no figures, or nothing was accepted: `Refusal` with what it said.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from infra.runtime.refusal import Refusal
from infra.settings.load import child_environment

SCRIPT = Path(__file__).with_name("singles.lua")
CONNECTIONS = 64
THREADS = 2


class WrkResult(NamedTuple):
    """`accepted`: answers of success; times in milliseconds from a request to its answer."""

    accepted: int
    refused: int
    broken: int
    seconds: float
    p50: float
    p99: float
    longest: float

    @property
    def per_second(self) -> float:
        return self.accepted / self.seconds

    def half_pause(self) -> float:
        """The pause, in milliseconds, with which every connection asks about half as often as here."""
        return max(1.0, 2 * 1000 * CONNECTIONS / self.per_second - self.p50)

    def answers(self) -> dict[str, float]:
        """The percentiles as a row has them."""
        return {"p50": self.p50, "p99": self.p99, "max": self.longest}


def find_wrk() -> str | None:
    """The program's path; None when it is not installed."""
    return shutil.which("wrk")


def wrk_command(program: str, url: str, seconds: float, connections: int = CONNECTIONS) -> Sequence[str]:
    """wrk counts in whole seconds."""
    lasts = f"{max(1, round(seconds))}s"
    return (program, "-t", str(THREADS), "-c", str(connections), "-d", lasts, "--timeout", "10s", "-s", str(SCRIPT), url)


def parse(output: str) -> WrkResult:
    """What the script printed, below whatever wrk itself says."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            times = (round(found[name] / 1000, 2) for name in ("p50", "p99", "max"))
            accepted = found["requests"] - found["refused"]
            return WrkResult(accepted, found["refused"], found["broken"], found["microseconds"] / 1e6, *times)
    raise Refusal(
        f"wrk printed no figures: {output.strip()[-300:]}", "run it by hand: infra/bench/singles.lua is its script"
    )


async def run_wrk(
    program: str, url: str, *, form: str, key: str, seconds: float, first: int, keyed: str | None = None, pause: float = 0
) -> WrkResult:
    """Send for so long. `first`: the first number; `keyed`: the prefix of idempotency keys, None for none; `pause`: of a
    connection before each request, milliseconds in the mean."""
    variables = {"BENCH_FORM": form, "BENCH_KEY": key, "BENCH_FIRST": str(first)}
    variables |= {"BENCH_KEYED": keyed} if keyed is not None else {}
    variables |= {"BENCH_PAUSE": str(max(1, round(pause)))} if pause else {}
    # In the environment, not among the arguments: everybody on the machine may read those.
    process = await asyncio.create_subprocess_exec(
        *wrk_command(program, url, seconds),
        env={**child_environment(), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode(errors="replace")
    if process.returncode:
        raise Refusal(f"wrk ended with {process.returncode}: {text.strip()[-300:]}")
    shot = parse(text)
    if not shot.accepted:
        raise Refusal(f"nothing was accepted: {shot.refused} refused, {shot.broken} broken", "see the server's log")
    return shot
