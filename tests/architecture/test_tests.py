"""How tests are laid out: what may import what, what is slow, what a unit test is."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.source import modules, text, tree

FOLDERS = {"unit", "component", "scenario", "chaos", "architecture", "support"}
MAY_IMPORT = "tests.support"
ME = Path("tests/architecture/test_tests.py")


def imports(path: Path) -> list[str]:
    """The modules of ours that it names."""
    nodes = list(ast.walk(tree(path)))
    named = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return [*named, *(alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names)]


def test_each_test_stands_in_a_folder_that_says_what_it_needs() -> None:
    assert {path.parts[1] for path in modules("tests") if len(path.parts) > 2} == FOLDERS
    astray = [str(path) for path in modules("tests") if path.name.startswith("test_") and path.parts[1] == "support"]
    assert not astray, astray


def test_tests_import_support_and_no_other_test() -> None:
    strange = [
        f"{path}: {module}"
        for path in modules("tests")
        for module in imports(path)
        if module.startswith("tests.") and not module.startswith(MAY_IMPORT)
    ]
    assert not strange, strange


def test_the_guard_of_unit_tests_stands_over_all_of_them() -> None:
    named = [str(path) for path in modules("tests") if path != ME and "no_process_and_no_socket" in text(path)]
    assert named == ["tests/unit/conftest.py"], "nobody replaces it"
