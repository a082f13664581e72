"""Two versions: how the other one is checked out and called, and what is made of the figures of both."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.bench.compare import compared, figures
from infra.bench.peer import against
from infra.bench.revision import ROOT, Version, worktree_command
from infra.runtime.refusal import Refusal


def row(rate: float, gateway: float) -> dict[str, object]:
    return {
        "scenario": "single",
        "keyed": False,
        "seconds": 5.0,
        "per_second": rate,
        "cpu": {"gateway": gateway, "p99": None},
    }


def test_what_counts_as_a_figure() -> None:
    assert dict(figures(row(10, 2.5))) == {"per_second": 10, "cpu.gateway": 2.5}


def test_medians_and_the_median_of_the_rounds_ratios() -> None:
    """The second round was on a slow machine: its ratio is as the others', which that of the medians would not be."""
    these = [row(300, 4), row(30, 4), row(290, 4)]
    others = [row(100, 8), row(10, 0), row(145, 8)]
    rate, cpu = compared(these, others)
    assert rate == {"figure": "per_second", "this": 290, "other": 100, "ratio": 3.0}
    assert cpu == {"figure": "cpu.gateway", "this": 4, "other": 8, "ratio": None}


def test_a_figure_that_one_version_does_not_have_is_left_out() -> None:
    assert [one["figure"] for one in compared([row(1, 1)], [{"per_second": 2}])] == ["per_second"]


def test_a_peer() -> None:
    ours = {"accepted_per_second": 1500, "carrier_per_second": 1000, "cpu_us_per_message": 300.0}
    theirs = {"accepted_per_second": 1000, "carrier_per_second": 1000, "cpu_us_per_message": 400.0}
    assert against(ours, theirs) == {"accepted_per_second": 1.5, "carrier_per_second": 1.0, "cpu_us_per_message": 0.75}


def test_the_worktree(tmp_path: Path) -> None:
    command = worktree_command(tmp_path / "tree", "v1")
    assert command[:5] == ("git", "-C", str(ROOT), "worktree", "add") and "--detach" in command
    assert command[-2:] == (str(tmp_path / "tree"), "v1^{commit}")


def test_its_own_project_says_what_is_called(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project.scripts]\nsluice = "infra.ops.cli:main"\n')
    version = Version("old", tmp_path)
    command = version.command("up", "-o", "json")
    assert command[0] == sys.executable and command[-3:] == ("up", "-o", "json")
    assert "from infra.ops.cli import main" in command[3]
    assert version.environment()["PYTHONPATH"] == str(tmp_path)


@pytest.mark.parametrize("project", [None, "[project]\n", "no toml"])
def test_a_version_without_a_program(tmp_path: Path, project: str | None) -> None:
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    with pytest.raises(Refusal, match="old has no program"):
        Version("old", tmp_path).command("up")
