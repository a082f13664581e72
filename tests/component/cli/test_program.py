"""The program `sluice` itself: how soon it speaks, whatever the machine, and what it says of a gateway that is away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

BARE = ("-c", "import typer, rich.console; typer.run(lambda: None)", "--help")
"""The least that a command line of this kind can be."""
TIMES = 4
"""`--help` costs less than this many bare ones: on an idle machine it is about twice as much."""
CLIENTS = {"confluent_kafka", "psycopg", "redis", "aiohttp", "faust", "aiokafka"}
BROKEN = 'typo = 1\n[gateway]\nport = "abc"\n'


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin", **variables}
    )


def sluice(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "infra.cli.main", *arguments, **variables)


def cost(arguments: Sequence[str]) -> float:
    """Processor time of the cheaper of two runs, so that what else runs here does not count."""
    costs = []
    for _ in range(2):
        before = os.times()
        run(*arguments)
        after = os.times()
        costs.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(costs)


def test_it_speaks_soon(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(BROKEN)
    least = cost(BARE)
    quick = cost(("-m", "infra.cli.main", "--help"))
    refused = cost(
        ("-m", "infra.cli.main", "up", "--config", str(tmp_path / "settings.toml"), "--data", str(tmp_path / "d"))
    )
    assert quick < TIMES * least, (quick, least)
    assert refused < 2 * TIMES * least, (refused, least)


@pytest.mark.parametrize("arguments", [("--help",), ("ps",)])
def test_what_asks_nobody_loads_no_client(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run("-X", "importtime", "-m", "infra.cli.main", *arguments, SLUICE_DATA_DIR=str(tmp_path))
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in loaded and not loaded & CLIENTS


@pytest.mark.parametrize("more", [(), ("--client-ref", "\udcff")])
def test_a_gateway_that_is_away(tmp_path: Path, more: tuple[str, ...]) -> None:
    done = sluice(
        "send",
        "--from",
        "A",
        "--to",
        "+4915112345678",
        "--body",
        "x",
        "--gateway",
        "http://127.0.0.1:9",
        *more,
        SLUICE_API_KEY="sk_x",
        SLUICE_DATA_DIR=str(tmp_path),
    )
    assert done.returncode == 1
    assert "does not answer" in done.stderr and "next: " in done.stderr and "Traceback" not in done.stderr
