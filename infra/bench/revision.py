"""Another version of the product beside this one: its source in a git worktree, its stack as a program of its own.

In: a git revision, a folder. Out: `Version`, whose `up` gives a `Target`. It runs with the packages of the present
virtualenv; which module its command line is, its own pyproject.toml says. Wrong: not a git checkout, a revision that git
does not know, a stack that does not come up: `Refusal` with what was said. Worktrees and processes end with their blocks.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.bench.stack import CARRIER_RATE, CARRIER_WINDOW, PRICE, RECEIPT_WINDOW
from infra.bench.target import Target, target_of
from infra.kernels.loader import state
from infra.kernels.modules import BUILD
from infra.runtime.refusal import Refusal
from infra.settings.load import child_environment

ROOT = Path(__file__).parents[2]
UP_SECONDS, END_SECONDS = 120.0, 30.0
SETTINGS = f"""[[carriers]]
id = "simulator"
kind = "simulator"
rate = {CARRIER_RATE}
window = {CARRIER_WINDOW}

[[routes]]
prefix = ""
carriers = ["simulator"]
price = "{PRICE}"

[simulator]
script = {{ receipt_window = {RECEIPT_WINDOW} }}
"""


@dataclass(frozen=True, slots=True)
class Version:
    """`tree`: the folder with its source."""

    name: str
    tree: Path

    def command(self, *arguments: str) -> Sequence[str]:
        """Its `sluice` with these arguments. Raises Refusal when it has none."""
        try:
            project = tomllib.loads((self.tree / "pyproject.toml").read_text(encoding="utf-8"))
            module, _, function = project["project"]["scripts"]["sluice"].partition(":")
        except (OSError, KeyError, tomllib.TOMLDecodeError) as fault:
            raise Refusal(f"{self.name} has no program `sluice`: {fault!r}", "choose a later revision") from fault
        code = f"import sys; from {module} import {function}; sys.exit({function}())"
        return (sys.executable, "-P", "-c", code, *arguments)

    def environment(self) -> dict[str, str]:
        """Its modules come before those of the virtualenv, in its roles too."""
        return {**child_environment(), "PYTHONPATH": str(self.tree)}

    @asynccontextmanager
    async def up(self, folder: Path, control_port: int | None = None) -> AsyncIterator[Target]:
        """Its whole stack, with its data in this folder. `control_port`: of its carrier; older versions know none."""
        file = folder / "sluice.toml"
        control = "" if control_port is None else f"control_port = {control_port}\n"
        file.write_text(SETTINGS + control, encoding="utf-8")
        arguments = ("up", "-o", "json", "--port", "0", "--data", str(folder / "data"), "--config", str(file))
        with (folder / "up.err").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *self.command(*arguments),
                cwd=folder,
                env=self.environment(),
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        try:
            yield target_of(await self._first_line(process, folder), process.pid, control_port)
        finally:
            await _end(process)

    async def _first_line(self, process: asyncio.subprocess.Process, folder: Path) -> dict[str, str]:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), UP_SECONDS)
            return dict(json.loads(line))
        except (TimeoutError, ValueError):
            said = (folder / "up.err").read_text(encoding="utf-8", errors="replace").strip()[-600:]
            raise Refusal(f"the stack of {self.name} did not come up: {said}", "does it run by itself?") from None


def this_version() -> Version:
    """The source that runs now."""
    return Version("this", ROOT)


def worktree_command(folder: Path, revision: str) -> Sequence[str]:
    """Check it out beside the branches: none is made, and none has to be free."""
    return ("git", "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", str(folder), f"{revision}^{{commit}}")


@contextmanager
def other_version(revision: str, folder: Path) -> Iterator[Version]:
    """That revision's source in a folder that does not exist yet."""
    # What begins with a dash would be an option of git.
    if revision.startswith("-"):
        raise Refusal(f"{revision!r} is no git revision", "name a commit, a tag or a branch")
    try:
        done = subprocess.run(worktree_command(folder, revision), capture_output=True, text=True, check=False)
    except FileNotFoundError as fault:
        raise Refusal("git is not installed", "--compare checks out the other revision with it") from fault
    if done.returncode:
        raise Refusal(f"git cannot check out {revision!r}: {done.stderr.strip()}", "name a commit, a tag or a branch")
    try:
        _compile_as_here(folder)
        yield Version(revision, folder)
    finally:
        remove = ("git", "-C", str(ROOT), "worktree", "remove", "--force", str(folder))
        subprocess.run(remove, capture_output=True, check=False)


def _compile_as_here(tree: Path) -> None:
    """Where modules run compiled here, so they do there, if that version knows how to; its compiled modules are found by
    its own sources, so neither version ever runs the other's."""
    if state().folder is not None and (tree / "infra" / "kernels" / "build.py").exists():
        subprocess.run((sys.executable, "-m", BUILD), cwd=tree, env=child_environment(), check=False)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
