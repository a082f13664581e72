"""Submits are counted from the carrier's log as it grows, a line that is half written not yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bench.arrivals import ArrivalCount
from infra.runtime.refusal import Refusal


async def test_counts_what_came_since(tmp_path: Path) -> None:
    log = tmp_path / "smsc.log"
    log.write_bytes(b"90.000,1,49151,\n")
    count = ArrivalCount(log)
    assert count.look() == 0
    with log.open("ab") as lines:
        lines.write(b"100.000,1,49152,\n100.250,1,49153,\n101.")
    assert count.look() == 2
    with log.open("ab") as lines:
        lines.write(b"500,1,49154,\n")
    assert await count.all_of(3) == 1.5 and await count.all_of(2) == 0.25 and await count.all_of(0) == 0.0


async def test_what_does_not_come(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="0 of 1 messages came to the carrier"):
        await ArrivalCount(tmp_path / "none").all_of(1, seconds=0.0)
