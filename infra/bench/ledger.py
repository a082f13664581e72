"""The conservation checker after a measurement: what was measured counts only if nothing was lost, or done or paid twice.

In: a stack that still runs, or another version's program and data folder. Out: the word for the row: `ok`, or what is wrong.
Outside the clock: no figure has the checker's cost in it. Nothing is raised for what it finds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from infra.settings.model import Settings

OK = "ok"
WAIT_SECONDS = 60.0
"""How long consumers may take to read what the measurement has left."""
SHOWN = 3


async def judged(settings: Settings) -> str | list[str]:
    """Of this version's stack."""
    from infra.verify.verify import verify

    report = await asyncio.to_thread(verify, settings, wait=WAIT_SECONDS)
    return verdict(report.to_json())


async def judged_by(command: Sequence[str], environment: Mapping[str, str]) -> str | list[str]:
    """By another version's `verify -o json`, which knows its own tables."""
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(environment), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    try:
        return verdict(json.loads(out))
    except (ValueError, KeyError):
        return [f"verify ended with {process.returncode}: {errors.decode(errors='replace').strip()[-300:]}"]


def verdict(report: Mapping[str, Any]) -> str | list[str]:
    """A consumer that is behind is no violation, but then not everything could be judged: that is not clean either."""
    found = [f"{each['kind']}: {each['message']}: {', '.join(each['ids'][:SHOWN])}" for each in report["violations"]]
    return found + [f"behind: {place}" for place in report["behind"]] or OK


def words(row: Mapping[str, Any]) -> list[str]:
    """A sentence for each run: `verify: ok`, or everything that is wrong."""
    out = []
    for each in _runs(row):
        found = each["verify"]
        out += [f"verify: {found}"] if found == OK else [f"verify: {fault}" for fault in found]
    return out


def clean(row: Mapping[str, Any]) -> bool:
    """Whether the ledger of every run adds up; a row without any has none to check."""
    return all(each["verify"] == OK for each in _runs(row))


def _runs(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The row itself, or those that a comparison is made of."""
    return [each for rows in row["rows"].values() for each in rows] if "rows" in row else [row]
