"""What programs really run: modules compiled by `make install`, or the source where that is another one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.kernels.build import OURS, missing_tool
from infra.kernels.loader import find
from infra.kernels.modules import BUILD, FOLDER, MODULES, ROOT, TWINS
from infra.settings.environment import PURE

ENTRIES = ("infra.cli.main", "infra.supervisor.run_role")
WHERE = (
    "import sys; from infra.kernels import loader; loader.begin(); from schemas.values import text; "
    "import connectors.dispatch.role, streams.role, gateway.role, connectors.simulator.role; "
    "print(text.__file__, text.count_segments('{' * 81), sep='|')"
)


def run(*arguments: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != PURE}
    done = subprocess.run(
        [sys.executable, "-P", *arguments], capture_output=True, text=True, check=False, env={**environment, **variables}
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def compiled() -> Path | None:
    """Where they are; None where a tool is missing, so that the sources run in any case."""
    subprocess.run([sys.executable, "-m", BUILD], check=True, cwd=ROOT)
    return None if missing_tool() else find(FOLDER, ROOT)


def runs(file: str, compiled: Path | None) -> bool:
    return Path(file).is_relative_to(compiled) if compiled else file.endswith("text.py")


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_program_imports_none_of_them_before_it_begins(entry: str) -> None:
    assert run("-c", f"import sys, {entry}; print(sorted(set({(*MODULES, *TWINS)}) & sys.modules.keys()))") == "[]"


def test_the_compiled_ones_run_and_do_the_same(compiled: Path | None) -> None:
    file, told = run("-c", WHERE).split("|")
    assert runs(file, compiled)
    file, pure = run("-c", WHERE, SLUICE_PURE="1").split("|")
    assert file == str(ROOT / "schemas/values/text.py") and pure == told == "('gsm7', 2)"


def test_an_edited_source_runs_itself(compiled: Path | None, tmp_path: Path) -> None:
    for package in OURS:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    assert compiled is None or runs(run("-c", WHERE, PYTHONPATH=str(tmp_path)).split("|")[0], compiled)
    source = tmp_path / "schemas/values/text.py"
    source.write_text(source.read_text().replace('"gsm7": 160', '"gsm7": 170'))
    assert run("-c", WHERE, PYTHONPATH=str(tmp_path)) == f"{source}|('gsm7', 1)"


@pytest.mark.parametrize("variables", [{}, {PURE: "1"}])
def test_the_doctor_says_which(compiled: Path | None, tmp_path: Path, variables: dict[str, str]) -> None:
    rows = json.loads(run("-m", "infra.cli.main", "doctor", "-o", "json", SLUICE_DATA_DIR=str(tmp_path), **variables))
    [row] = [row for row in rows if row["name"] == "kernels"]
    assert row["ok"] and ("run compiled" in row["says"]) is bool(compiled and not variables)
