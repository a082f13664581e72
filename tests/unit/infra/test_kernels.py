"""Compiled modules run only in the place of exactly the sources they were made of; what may be compiled at all."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.kernels.build import imported
from infra.kernels.loader import Kernels, compiled_file
from infra.kernels.modules import (
    BUILD,
    MANIFEST,
    MODULES,
    ROOT,
    SHARED,
    TWINS,
    digest,
    source_digest,
    source_file,
    sources,
    twin_file,
)
from infra.settings.environment import PURE

ALL = (*MODULES, *TWINS)
FAR = Path("schemas/values/foreign_text.py")
"""Imported by compiled modules, and none itself."""


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PURE, raising=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The sources alone."""
    root = tmp_path / "tree"
    for path in {*imported(ALL), *(path.relative_to(ROOT) for path in sources())}:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    return root


@pytest.fixture
def made(tmp_path: Path, tree: Path) -> Path:
    """Where they stand compiled; what a module holds nobody reads here."""
    folder = tmp_path / "kernels" / f"{digest(tree)}-1"
    for module in (*ALL, SHARED):
        compiled_file(folder, module).parent.mkdir(parents=True, exist_ok=True)
        compiled_file(folder, module).touch()
    (folder / MANIFEST).write_text(json.dumps({str(path): source_digest(tree / path) for path in imported(ALL, tree)}))
    return folder


def kernels(made: Path, tree: Path, *loaded: str) -> Kernels:
    return Kernels(made.parent, tree, loaded)


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n# edited\n")


def test_compiled_modules_take_the_place_of_their_sources(made: Path, tree: Path) -> None:
    finder = kernels(made, tree)
    assert finder.state().folder == made and not finder.state().stale
    spec = finder.find_spec(MODULES[0])
    assert spec is not None and spec.origin == str(compiled_file(made, MODULES[0]))
    assert finder.find_spec("schemas.records.wire") is None


OUTDATED: dict[str, Callable[[Path, Path], object]] = {
    "a module": lambda made, tree: edit(source_file(MODULES[-1], tree)),
    "a twin": lambda made, tree: edit(twin_file(TWINS[0], tree)),
    "what a twin takes the place of": lambda made, tree: edit(source_file(TWINS[0], tree)),
    "what it imports": lambda made, tree: edit(tree / FAR),
    "how it is compiled": lambda made, tree: edit(source_file(BUILD, tree)),
    "what it imports is gone": lambda made, tree: (tree / FAR).unlink(),
    "no manifest": lambda made, tree: (made / MANIFEST).unlink(),
    "half a manifest": lambda made, tree: (made / MANIFEST).write_text('{"schemas'),
    "no sources": lambda made, tree: (made / MANIFEST).write_text("{}"),
    "a module is missing": lambda made, tree: compiled_file(made, MODULES[3]).unlink(),
    "the code is missing": lambda made, tree: compiled_file(made, SHARED).unlink(),
}


@pytest.mark.parametrize("change", OUTDATED.values(), ids=OUTDATED.keys())
def test_other_sources_run_themselves(made: Path, tree: Path, change: Callable[[Path, Path], object]) -> None:
    change(made, tree)
    finder = kernels(made, tree)
    assert finder.find_spec(MODULES[-1]) is None
    assert finder.state().folder is None and finder.state().stale


def test_an_edit_that_is_taken_back(made: Path, tree: Path) -> None:
    source = source_file(MODULES[-1], tree)
    before = source.read_bytes()
    edit(source)
    assert kernels(made, tree).state().folder is None
    source.write_bytes(before)
    assert kernels(made, tree).state().folder == made


def test_two_builds_that_differ_in_what_they_import(made: Path, tree: Path) -> None:
    edit(tree / FAR)
    other = shutil.copytree(made, made.with_name(made.name + "0"))
    (other / MANIFEST).write_text(json.dumps({str(path): source_digest(tree / path) for path in imported(ALL, tree)}))
    assert kernels(made, tree).state().folder == other


def test_a_process_stays_with_what_it_began_with(made: Path, tree: Path) -> None:
    finder = kernels(made, tree)
    assert finder.find_spec(MODULES[0]) is not None
    edit(source_file(MODULES[-1], tree))
    assert finder.find_spec(MODULES[-1]) is not None
    late = kernels(made, tree, MODULES[1])
    assert late.find_spec(MODULES[0]) is None and MODULES[1] in late.state().says


def test_nothing_compiled_runs_when_asked_so(made: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PURE, "1")
    assert kernels(made, tree).find_spec(MODULES[0]) is None
    assert not kernels(made, tree).state().stale


def test_where_nothing_was_compiled(tmp_path: Path, tree: Path) -> None:
    finder = Kernels(tmp_path / "none", tree, ())
    assert finder.find_spec(MODULES[0]) is None and not finder.state().stale


def test_what_is_imported_far_away_counts() -> None:
    found = imported(ALL)
    assert FAR in found and {source_file(module).relative_to(ROOT) for module in ALL} <= set(found)


def test_iterators_that_leave_a_function_are_written_with_yield() -> None:
    """Compiled, an expression in round brackets is a list, made at once: as the argument of a call nobody can tell."""
    wrong = []
    for module in MODULES:
        tree = ast.parse(source_file(module).read_text(encoding="utf-8"))
        arguments = {argument for node in ast.walk(tree) if isinstance(node, ast.Call) for argument in node.args}
        arguments |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Starred)}
        wrong += [
            f"{module}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.GeneratorExp) and node not in arguments
        ]
    assert wrong == []
