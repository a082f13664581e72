"""The repository as the architecture's tests see it: files that git knows or would add, parsed once.

In: the working tree. Out: paths relative to its root, their text, their syntax trees.
"""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("schemas", "infra", "gateway", "streams", "connectors")


@cache
def files() -> tuple[Path, ...]:
    """Every file of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return tuple(path for path in map(Path, sorted(listed)) if (ROOT / path).is_file())


def modules(*folders: str) -> list[Path]:
    """Python files below these folders."""
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in folders]


@cache
def text(path: Path) -> str:
    """What the file says."""
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """Its syntax tree."""
    return ast.parse(text(path), str(path))


def is_binary(path: Path) -> bool:
    """Whether the file holds no text."""
    return b"\0" in (ROOT / path).read_bytes()[:4096]
