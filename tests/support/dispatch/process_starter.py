"""Dispatch as a process of its own.

In: a log file and the words of `process.py`. Out: the process, which is the caller's to end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def start_process(log: Path, words: dict[str, object]) -> subprocess.Popen[bytes]:
    """Started, not yet working."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.dispatch.process", json.dumps(words)], stdout=file, stderr=file
        )
