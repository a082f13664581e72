"""`sluice bench --profile FILE`: the same command below py-spy, which draws a flame graph of every Python process.

In: the arguments without `--profile`, the file. Out: the exit code of the command; the figures are on stdout as ever, only
slower ones. py-spy starts the command itself: a process may look into those it has started, into others only as root.
Wrong: py-spy is not installed: `Refusal`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.runtime.refusal import Refusal

SAMPLES_PER_SECOND = 20


def profiled(arguments: Sequence[str], file: Path) -> int:
    """Run and return how it ended."""
    here = Path(sys.executable).parent
    program = shutil.which("py-spy") or shutil.which("py-spy", path=str(here))
    if program is None:
        raise Refusal("py-spy is not installed", f"{here / 'pip'} install py-spy")
    with subprocess.Popen(profile_command(program, arguments, file), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            (sys.stderr if is_chatter(line) else sys.stdout).write(line)
    return process.returncode


def is_chatter(line: str) -> bool:
    """Whether py-spy says this itself: it writes to the stdout of the command it runs, into the midst of its figures."""
    return line.startswith("py-spy>") or not line.strip()


def profile_command(program: str, arguments: Sequence[str], file: Path) -> Sequence[str]:
    """py-spy around `sluice bench`."""
    # Trap: without `--nonblocking` it stops a process for each look, and one that ends meanwhile stays stopped for ever.
    spy = (program, "record", "--subprocesses", "--nonblocking", "--rate", str(SAMPLES_PER_SECOND), "--format", "flamegraph")
    return (*spy, "--output", str(file), "--", sys.executable, "-m", "infra.cli.main", "bench", *arguments)


def without_profile(arguments: Sequence[str]) -> list[str]:
    """The arguments of `bench` without `--profile FILE` and `--profile=FILE`."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != "--profile" and not argument.startswith("--profile="):
            kept.append(argument)
        skip = argument == "--profile" and not skip
    return kept
