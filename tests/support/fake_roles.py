"""A role for tests of the supervisor: nothing of it is ever loaded, a program of the test's stands in its place.

In: nothing. Out: what `RoleRow` wants. Wrong: a supervisor that loads it after all fails the test.
"""

from __future__ import annotations

from infra.runtime.role import Run

WORKING = """
import json, os, signal, sys
from pathlib import Path
mark = Path(sys.argv[1])
mark.with_suffix(".part").write_text(json.dumps({"pid": os.getpid()}))
mark.with_suffix(".part").replace(mark)
signal.pause()
"""
"""A program that is ready when it runs, and ends when it is told."""


def load_nothing() -> Run:
    """Raises AssertionError: supervised programs load their own roles."""
    raise AssertionError("the supervisor itself never loads a role")
