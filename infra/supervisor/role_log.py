"""Why a role ended, as its log has it: for the sentence that its supervisor says.

In: the log file of a role, one JSON object a line. Out: ": " and the last line of the exception in the newest line, or
nothing when that line holds none. Nothing raises.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

TAIL_BYTES = 32_768
MOST_CHARACTERS = 300


def last_fault(log: Path) -> str:
    """ ": OSError: ..." or ""."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            newest = file.read().strip().rpartition(b"\n")[2]
        exception = json.loads(newest)["exception"].strip()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    # A group of exceptions is drawn as a tree; its branches end in what is meant, and in lines of nothing but frame.
    sentences = [line.strip(" |+-") for line in exception.splitlines()]
    said = next((line for line in reversed(sentences) if line), "")
    return f": {said[:MOST_CHARACTERS]}" if said else ""
