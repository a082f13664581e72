"""What ARCHITECTURE and CONTRIBUTING name exists: paths, folders, classes, methods, targets of make.

In: both files. Out: nothing when every name leads somewhere. In a recipe capitals stand for the reader's own name (`KIND`,
`NAME`, `TOPIC`): there the folder must exist.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.support.source import LAYERS, ROOT, files, modules, text, tree

ARCHITECTURE, CONTRIBUTING = Path("ARCHITECTURE.md"), Path("CONTRIBUTING.md")
OWN_NAME = re.compile(r"KIND|NAME|TOPIC|NNNN")
SUFFIXES = "py|md|sql|lua|avsc|toml|json|yaml|lock"


def paths(page: str) -> set[str]:
    """What stands in backticks and looks like a path of the repository; behind `pytest` too."""
    words = {word for code in re.findall(r"`([^`\n]+)`", page) for word in code.split()}
    words |= {word for block in re.findall(r"```\w*\n(.*?)```", page, re.DOTALL) for word in block.split()}
    top = "|".join((*LAYERS, "tests", "docs", "examples"))
    return {w for w in words if re.fullmatch(rf"(?:{top})/[\w./]*|[\w.]+\.(?:{SUFFIXES})|\.\w+/\w+", w)}


def leads_nowhere(path: str) -> bool:
    """Whether nothing of the repository is called so."""
    if own := OWN_NAME.search(path):
        path = path[: own.start()].rpartition("/")[0]
    elif "/" not in path:
        return path not in {one.name for one in files()}
    return not (ROOT / path).exists()


def classes(folder: str) -> dict[str, ast.ClassDef]:
    """Every class of a layer by its name."""
    return {node.name: node for path in modules(folder) for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)}


def test_every_path_of_the_guides_exists() -> None:
    found = {page: paths(text(page)) for page in (ARCHITECTURE, CONTRIBUTING)}
    assert len(found[CONTRIBUTING]) >= 30
    assert [(str(page), path) for page, named in found.items() for path in sorted(named) if leads_nowhere(path)] == []


def test_a_path_that_is_gone_is_noticed() -> None:
    page = "`streams/gone.py`, `streams/steps/NAME.py`, `streams/gone/NAME.py`, `pytest tests/unit/gone`, `gone.sql`"
    gone = {path for path in paths(page) if leads_nowhere(path)}
    assert gone == {"streams/gone.py", "streams/gone/NAME.py", "tests/unit/gone", "gone.sql"}


def test_the_map_leaves_no_folder_out() -> None:
    rows = dict(re.findall(r"^\| `(\w+)/` \|(.*)\|$", text(ARCHITECTURE), re.MULTILINE))
    folders = {(path.parts[0], path.parts[1]) for path in modules(*LAYERS, "tests") if len(path.parts) > 2}
    assert [f"{top}/{inner}" for top, inner in sorted(folders) if f"`{inner}/`" not in rows.get(top, "")] == []


def test_the_graph_of_dispatch_names_classes_and_methods_that_exist() -> None:
    section = re.split(r"^## ", text(ARCHITECTURE), flags=re.MULTILINE)
    [graph] = [one for one in section if one.startswith("Dispatch, who holds whom")]
    known = classes("connectors")
    named = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", graph))
    assert len(named) > 20 and sorted(named - known.keys()) == []
    for name, method in re.findall(r"`(\w+)\.(\w+)`", graph):
        assert method in {f.name for f in known[name].body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)}, name


def test_the_targets_of_make_that_are_named_exist() -> None:
    targets = set(re.findall(r"^(\w+):", text(Path("Makefile")), re.MULTILINE))
    named = {word for page in (CONTRIBUTING, Path("README.md")) for word in re.findall(r"\bmake ([a-z]+)\b", text(page))}
    assert {"shell", "unit", "check", "docs"} <= named <= targets
