"""`sluice bench --compare REV`: two versions in turn, the same scenario, the same client, a fresh stack each time.

In: a scenario, how much, a revision. Out: for each figure the medians of both and the median of the rounds' ratios, this
version over the other; and the rows they come from. Single runs vary with the machine's hour, neighbours in time do not as
much. Wrong: `Refusal` when a version cannot be checked out or started.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from infra.bench.ledger import judged_by
from infra.bench.revision import Version, other_version, this_version
from infra.bench.scenarios import SCENARIOS
from infra.bench.size import Size
from infra.bench.target import Row
from infra.runtime.console import tell
from infra.services.ports import free_port

CONTROLLED = {"receipts"}
"""Scenarios that tell the simulated carrier what to do."""
GIVEN = {"connections", "recipients", "seconds"}
"""What is asked for rather than measured."""


async def compare(scenario: str, size: Size, revision: str) -> Row:
    """Rounds begin with the one and the other in turn, so that a machine that slows down favours none."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-compare-"))
    these: list[Row] = []
    others: list[Row] = []
    try:
        with other_version(revision, folder / "tree") as other:
            turn = [(this_version(), these), (other, others)]
            for number in range(1, size.rounds + 1):
                for version, rows in turn if number % 2 else reversed(turn):
                    tell(f"round {number} of {size.rounds}: {version.name}")
                    rows.append(await _measure(version, scenario, size))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "scenario": scenario,
        "other": revision,
        "rounds": size.rounds,
        "compared": compared(these, others),
        "rows": {"this": these, "other": others},
    }


def compared(these: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """A row a figure; `ratio`: the median of the rounds' ratios, None where the other has 0."""
    first, second = [dict(figures(row)) for row in these], [dict(figures(row)) for row in others]
    names = [name for name in first[0] if all(name in row for row in (*first, *second))]
    return [
        {
            "figure": name,
            "this": round(median(row[name] for row in first), 3),
            "other": round(median(row[name] for row in second), 3),
            "ratio": _ratio([(mine[name], its[name]) for mine, its in zip(first, second, strict=True)]),
        }
        for name in names
    ]


def figures(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every measured number, those of inner rows under `outer.inner`."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in GIVEN:
            yield f"{prefix}{name}", value


def _ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    if any(other == 0 for _, other in pairs):
        return None
    return round(median(this / other for this, other in pairs), 3)


async def _measure(version: Version, scenario: str, size: Size) -> Row:
    folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        control_port = free_port() if scenario in CONTROLLED else None
        async with version.up(folder, control_port) as target:
            row = await SCENARIOS[scenario](target, size)
            command = version.command("verify", "-o", "json", "--wait", "60", "--data", str(folder / "data"))
            return {**row, "verify": await judged_by(command, version.environment())}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
