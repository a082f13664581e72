"""Compiles the modules of `MODULES`, each as it stands: `python -m infra.kernels.build`, as `make install` does.

In: the sources; mypyc (it comes with mypy), Cython for the twins, a C compiler and Python's headers. Out: a folder below
the virtualenv, named by a digest of the sources, put in place whole; the last few of others are kept. When it is there
already nothing is done.
Where a tool is missing a line says which, and the exit code is 0: the sources run. What mypyc or the compiler refuses: its
words on stderr, exit code 1, and again the sources run.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.kernels.loader import compiled_file, find, is_made_of
from infra.kernels.modules import (
    FOLDER,
    GROUP,
    MANIFEST,
    MODULES,
    ROOT,
    TWINS,
    digest,
    source_digest,
    source_file,
    twin_file,
)

JOBS = 2
KEPT = 4
"""Builds of other sources: switching back to a branch costs nothing."""
ABANDONED = 3600.0
"""Seconds after which a build that is not in place was killed."""
OURS = ("schemas", "infra", "gateway", "streams", "connectors")


def main() -> int:
    """The exit code."""
    if find(FOLDER, ROOT):
        return 0
    if missing := missing_tool():
        _tell(f"Kernels: {missing}; the sources run as they are")
        return 0
    _tell(f"Compiling {len(MODULES) + len(TWINS)} modules")
    FOLDER.mkdir(parents=True, exist_ok=True)
    begun, known = time.monotonic(), digest()
    with tempfile.TemporaryDirectory(prefix=".new-", dir=FOLDER) as scratch:
        try:
            _compile(Path(scratch, "out"), Path(scratch, "c"))
        except (subprocess.CalledProcessError, SystemExit) as fault:
            _tell(f"Kernels: {getattr(fault, 'stderr', '') or fault}\nKernels: not compiled; the sources run as they are")
            return 1
        # Trap: what was edited meanwhile may be in it, and must not come to life when the edit is taken back.
        if digest() != known or not is_made_of(Path(scratch, "out"), ROOT):
            _tell("Kernels: the sources changed meanwhile; they run as they are")
            return 1
        folder = FOLDER / f"{known}-{source_digest(Path(scratch, 'out', MANIFEST))}"
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(Path(scratch, "out"), folder)
    _forget_old(folder)
    _tell(f"Compiled after {time.monotonic() - begun:.0f} s")
    return 0


def missing_tool() -> str | None:
    """What there is not, and is needed."""
    try:
        import Cython.Build  # noqa: F401
        import mypyc.build  # noqa: F401
        import setuptools  # noqa: F401
    except ImportError as fault:
        return f"no {fault.name}"
    compiler = str(sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"no C compiler ({compiler})"
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return None if headers.exists() else f"no headers of Python ({headers})"


def imported(modules: Sequence[str], root: Path = ROOT) -> list[Path]:
    """The source files of these modules, and of all of ours that they import, however far away; relative to the root."""
    waiting, seen = list(modules), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or not source_file(name, root).exists():
            continue
        seen.add(name)
        waiting += _imports(ast.parse(source_file(name, root).read_bytes()))
    return sorted(source_file(name, root).relative_to(root) for name in seen)


def _imports(tree: ast.Module) -> Iterator[str]:
    """Names that may be those of modules of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in OURS)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _compile(out: Path, scratch: Path) -> None:
    """Everything into `out`, its manifest too. Raises what the tools raise."""
    sources = {str(path): source_digest(ROOT / path) for path in imported((*MODULES, *TWINS))}
    extensions = [*_translate(scratch), *_translate_twins(scratch)]
    # File by file, the long ones first: setuptools would take those of one module one after the other.
    work = [(extension, source) for extension in extensions for source in extension.sources]
    work.sort(key=lambda one: os.path.getsize(one[1]), reverse=True)
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(lambda one: _compile_file(*one), work))
        list(pool.map(lambda extension: _link(extension, out), extensions))
    (out / MANIFEST).write_text(json.dumps(sources), encoding="utf-8")


def _translate(scratch: Path) -> list[Any]:
    from mypyc.build import mypycify

    os.chdir(ROOT)
    names = [str(source_file(module).relative_to(ROOT)) for module in MODULES]
    options = [f"--config-file={ROOT / 'pyproject.toml'}", "--hide-error-context", "--no-color-output"]
    extensions: list[Any] = mypycify(
        [*options, *names], opt_level="2", debug_level="0", multi_file=True, group_name=GROUP, target_dir=str(scratch)
    )
    return extensions


def _translate_twins(scratch: Path) -> list[Any]:
    from Cython.Build import cythonize
    from setuptools import Extension

    extensions: list[Any] = cythonize(  # type: ignore[no-untyped-call]
        [Extension(module, [str(twin_file(module))], extra_compile_args=["-O2"]) for module in TWINS],
        build_dir=str(scratch),
        quiet=True,
    )
    return extensions


def _compile_file(extension: Any, source: str) -> None:
    configured = sysconfig.get_config_var
    include = [f"-I{folder}" for folder in (*extension.include_dirs, sysconfig.get_path("include"))]
    flags = [*str(configured("CFLAGS") or "").split(), "-fPIC", "-w", *extension.extra_compile_args]
    _run([*str(configured("CC")).split(), *flags, *include, "-c", source, "-o", f"{source}.o"])


def _link(extension: Any, out: Path) -> None:
    target = compiled_file(out, extension.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    objects = [f"{source}.o" for source in extension.sources]
    linker = str(sysconfig.get_config_var("LDSHARED")).split()
    _run([*linker, *objects, *extension.extra_link_args, "-o", str(target)])


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _forget_old(newest: Path) -> None:
    others = [path for path in FOLDER.iterdir() if path != newest and path.is_dir()]
    abandoned = [path for path in others if path.name.startswith(".new-") and path.stat().st_mtime < time.time() - ABANDONED]
    for path in abandoned:
        shutil.rmtree(path, ignore_errors=True)
    others = [path for path in others if not path.name.startswith(".new-")]
    for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
