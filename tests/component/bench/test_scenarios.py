"""`receipts`, `mixed`, `fairness` and `due` as commands, small: figures for everything, and books that add up."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from infra.settings.load import child_environment

LIMIT_SECONDS = 240.0


def measured(*arguments: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "infra.cli.main", "bench", *arguments, "-o", "json")
    done = subprocess.run(
        command, capture_output=True, text=True, env=child_environment(), timeout=LIMIT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "verify: ok" in done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_receipts() -> None:
    row = measured("--scenario", "receipts", "--recipients", "500")
    assert (row["receipts"], row["verify"]) == (1500, "ok")
    assert 0 < row["per_second"] <= row["confirmed_per_second"]
    assert row["cpu_us_by_process"]["streams-bulk"] > 0


@pytest.mark.slow
def test_mixed() -> None:
    row = measured("--scenario", "mixed", "--recipients", "2000", "--seconds", "2")
    assert row["verify"] == "ok" and row["campaign"]["messages"] == 2000
    for lane in ("codes", "single"):
        assert row[lane]["messages"] > 0 and row[lane]["turned_away"] == 0
        assert 0 < row[lane]["accept_to_submit_ms"]["p50"] <= row[lane]["accept_to_submit_ms"]["p99"]
    assert row["campaign"]["sent_ms"]["p50"] <= row["campaign"]["sent_ms"]["max"]
    assert row["cores"] > 0


@pytest.mark.slow
def test_fairness() -> None:
    row = measured("--scenario", "fairness", "--recipients", "3000", "--seconds", "4")
    assert row["verify"] == "ok" and row["equal"]["windows"] == 4
    assert 0 < row["equal"]["jain_least"] <= 1 and sum(row["weights"]["shares"]) == pytest.approx(1, abs=0.001)
    assert [(small["rate"], small["recipients"]) for small in row["small"]] == [(100.0, 100), (1000.0, 100)]
    assert all(
        small["ratio"] == pytest.approx(small["behind_seconds"] / small["alone_seconds"], abs=0.1) for small in row["small"]
    )


@pytest.mark.slow
def test_due() -> None:
    row = measured("--scenario", "due", "--recipients", "200")
    assert (row["messages"], row["early"], row["verify"]) == (200, 0, "ok")
    assert 0 < row["late_ms"]["p50"] <= row["late_ms"]["max"] and row["cpu_us_by_process"]["releaser"] > 0
