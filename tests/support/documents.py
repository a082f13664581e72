"""Commands of a document, run as a reader would: in order, in one shell, beside a stack that runs.

In: a running stack, commands. Out: how each ended and what it said. The shell stands in a folder like the repository after
`make up`: `.sluice` leads to the stack's data, `.venv` and `examples` are the real ones. Wrong: a shell that does not end in
time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.running import REPOSITORY, Running

PLAIN_CURL = REPOSITORY / "tests" / "support" / "plain_curl.py"
SECONDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command and how it ended; `answers`: what of its output is JSON, a line or all of it."""

    command: str
    code: int
    out: str
    errors: str

    @property
    def answers(self) -> list[Any]:
        for pieces in ([self.out], self.out.splitlines()):
            try:
                return [json.loads(piece) for piece in pieces]
            except ValueError:
                continue
        return []


def blocks_of(document: Path) -> list[str]:
    """The fenced blocks."""
    return re.findall(r"^```\w*\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run_beside(stack: Running, folder: Path, commands: Sequence[str]) -> list[Ran]:
    """All of them in one bash, which knows the variables that the earlier ones set."""
    for name, target in (
        (".sluice", Path(stack.line["data_dir"])),
        (".venv", Path(sys.prefix)),
        ("examples", REPOSITORY / "examples"),
    ):
        (folder / name).symlink_to(target)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    if shutil.which("curl") is None:
        (folder / "bin").mkdir()
        (folder / "bin" / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PLAIN_CURL}" "$@"\n')
        (folder / "bin" / "curl").chmod(0o755)
        environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
    return list(_run(commands, folder, environment))


def _run(commands: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[Ran]:
    notes = folder / "notes"
    notes.mkdir()
    script = "set -o pipefail\n" + "".join(
        f"{{ {command}\n}} >{notes}/{n}.out 2>{notes}/{n}.err\necho $? >{notes}/{n}.code\n"
        for n, command in enumerate(commands)
    )
    subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL, timeout=SECONDS, check=True
    )
    for n, command in enumerate(commands):
        code, out, errors = ((notes / f"{n}.{kind}").read_text() for kind in ("code", "out", "err"))
        yield Ran(command=command, code=int(code), out=out, errors=errors)
