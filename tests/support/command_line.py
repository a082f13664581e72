"""The command line in this very process: what `sluice ...` says and its exit code, without the price of an interpreter.

In: arguments; variables, which are the whole environment. Out: `Done`. Wrong: what `main` does not turn into a sentence
comes through.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from unittest.mock import patch

from typer.main import get_command

from infra.cli.main import main

WIDE = "200"
"""Columns, so that no name is cut."""

_command = cache(get_command)
"""The tree of commands, built from its functions by the first test that asks, as a process does once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


def sluice(*arguments: str, **variables: str) -> Done:
    """Run a command to its end."""
    out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace") for _ in range(2))
    environment = {"PATH": "/usr/bin", "COLUMNS": WIDE, **variables}
    code: object = 0
    with (
        patch.dict("os.environ", environment, clear=True),
        patch("sys.argv", ["sluice", *arguments]),
        patch("typer.main.get_command", _command),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return Done(returncode=code if isinstance(code, int) else 0, stdout=_said(out), stderr=_said(errors))


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
