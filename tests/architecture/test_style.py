"""The house style, where a machine can judge it: sizes, docstrings, names, what must not stand in a source file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import LAYERS, files, is_binary, modules, text, tree

LONGEST_FILE = 300
LONGEST_FUNCTION = 60
BANNED_NAMES = {"utils", "helpers", "common", "base", "manager"}
EVERYWHERE = (*LAYERS, "tests")
ME = Path("tests/architecture/test_style.py")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names that are called or decorate, with their lines."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node), node.lineno


def found(places: list[str]) -> str:
    return "\n".join(places)


def test_the_tree_is_seen() -> None:
    assert {path.parts[0] for path in modules(*EVERYWHERE)} == set(EVERYWHERE)


def test_files_are_short() -> None:
    long = [
        f"{path}: {text(path).count(chr(10))} lines"
        for path in modules(*EVERYWHERE)
        if text(path).count("\n") > LONGEST_FILE
    ]
    assert not long, found(long)


def test_functions_are_short() -> None:
    long = [
        f"{path}:{f.lineno} {f.name}: {f.end_lineno - f.lineno + 1} lines"
        for path in modules(*EVERYWHERE)
        for f in functions(path)
        if f.end_lineno and f.end_lineno - f.lineno >= LONGEST_FUNCTION
    ]
    assert not long, found(long)


def test_packages_hold_nothing_themselves() -> None:
    full = [str(path) for path in modules(*EVERYWHERE) if path.name == "__init__.py" and text(path).strip()]
    assert not full, found(full)


def test_every_folder_with_modules_is_a_package() -> None:
    known = set(modules(*EVERYWHERE))
    bare = sorted({str(path.parent) for path in known if path.parent / "__init__.py" not in known})
    assert not bare, found(bare)


def test_every_module_says_what_it_is() -> None:
    mute = [str(path) for path in modules(*EVERYWHERE) if path.name != "__init__.py" and not ast.get_docstring(tree(path))]
    assert not mute, found(mute)


def test_names_say_something() -> None:
    empty = [
        str(path)
        for path in modules(*EVERYWHERE)
        if BANNED_NAMES & {path.stem, *path.parts[:-1]} or re.search("_(utils?|helpers?)$", path.stem)
    ]
    assert not empty, found(empty)


def test_text_files_have_an_encoding_whatever_the_locale() -> None:
    bare = [
        f"{path}:{call.lineno}"
        for path in modules(*LAYERS)
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("read_text", "write_text")
        and "encoding" not in {word.arg for word in call.keywords}
    ]
    assert not bare, found(bare)


def test_the_environment_is_read_in_one_place() -> None:
    reads = [
        f"{path}:{line} {name}"
        for path in modules(*LAYERS)
        if path.parent.name != "settings"
        for name, line in calls(path)
        if name.rpartition(".")[2] in ("environ", "getenv", "environb", "getenvb")
    ]
    assert not reads, found(reads)


def test_no_work_at_import() -> None:
    """Modules define and assign; calls of their own at the top level are for tables, types and the command line."""
    working = [
        f"{path}:{node.lineno}"
        for path in modules("schemas", "gateway", "streams", "connectors")
        for node in tree(path).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert not working, found(working)


def test_no_error_is_swallowed() -> None:
    silent = [
        f"{path}:{node.lineno}"
        for path in modules(*LAYERS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and all(isinstance(inner, ast.Pass) for inner in node.body)
    ]
    assert not silent, found(silent)


def test_a_broad_except_says_why() -> None:
    bare = []
    for path in modules(*LAYERS):
        lines = text(path).splitlines()
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.ExceptHandler)
                and _is_broad(node)
                and not _raises_again(node)
                and "#" not in " ".join(lines[node.lineno - 1 : node.body[0].lineno])
            ):
                bare.append(f"{path}:{node.lineno}")
    assert not bare, found(bare)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException"))


def _raises_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "Not" + "ImplementedError", "HA" + "CK")


@pytest.mark.parametrize("word", UNFINISHED)
def test_nothing_is_left_for_later(word: str) -> None:
    left = [
        f"{path}:{number}"
        for path in modules(*EVERYWHERE)
        for number, line in enumerate(text(path).splitlines(), 1)
        if re.search(rf"\b{word}\b", line)
    ]
    assert not left, found(left)


def test_no_test_is_switched_off() -> None:
    names = (
        "pytest.skip",
        "pytest.mark.skip",
        "pytest.mark.skipif",
        "pytest.mark.xfail",
        "pytest.xfail",
        "pytest.importorskip",
        "unittest.skip",
    )
    off = [f"{path}:{line} {name}" for path in modules("tests") for name, line in calls(path) if name in names]
    assert not off, found(off)


def test_tests_wait_for_conditions() -> None:
    """A sleep is allowed as the pause of a loop that polls a condition, nowhere else."""
    asleep = []
    for path in modules("tests"):
        in_loops = {
            id(inner)
            for loop in ast.walk(tree(path))
            if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
            for inner in ast.walk(loop)
        }
        asleep += [
            f"{path}:{node.lineno}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep")
            and id(node) not in in_loops
            and ast.unparse(node.args[0]) != "0"
        ]
    assert not asleep, found(asleep)


def test_every_test_asserts() -> None:
    silent = [
        f"{path}:{f.lineno} {f.name}"
        for path in modules("tests")
        for f in functions(path)
        if path.name.startswith("test_") and f.name.startswith("test_") and not _judges(f)
    ]
    assert not silent, found(silent)


def _judges(function: Function) -> bool:
    """Whether it asserts, expects an error, or calls something whose name says that it does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call) and re.search(
            r"raises|assert|check|expect|wait|until|judge|same|must", ast.unparse(node.func)
        ):
            return True
    return False


FOREIGN = (
    r"/work\b",
    r"\.\./shared",
    r"\bDESIGN\.md",
    r"\bCONTRACT\.md",
    r"\bINTERNALS\.md",
    r"\bRULES\.md",
    r"pypi\.org",
    r"repo1\.maven",
    r"\bAI\b",
    r"\bLLM\b",
    r"\bChatGPT\b",
    r"\bClaude\b",
)


@pytest.mark.parametrize("pattern", FOREIGN)
def test_the_repository_speaks_of_the_product_alone(pattern: str) -> None:
    places = [
        f"{path}:{number}"
        for path in files()
        if path != ME and not is_binary(path)
        for number, line in enumerate(text(path).splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not places, found(places)
