"""A mixed load: what came to the carrier, and how long each message took."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bench import mixed
from infra.bench.load import Load
from infra.bench.log_tail import LogTail
from infra.runtime.refusal import Refusal

LINES = (
    b"10.500,1,491512000001,Sluice,0,1,1,50,7,0\n"
    b"10.700,1,491512000001,Sluice,0,1,1,50,8,0\n"
    b"11.000,1,4915110000000,S,0,1,1,9,9,0\n"
)


async def test_the_first_submit_counts_and_none_from_before(tmp_path: Path) -> None:
    log = tmp_path / "smsc.log"
    log.write_bytes(b"1.000,1,491512000001,Sluice,0,1,1,50,1,0\n")
    tail = LogTail(log, skip=True)
    with log.open("ab") as more:
        more.write(LINES)
    seen = await mixed._arrived(tail, ["491512000001"])
    assert seen == {b"491512000001": 10.5, b"4915110000000": 11.0}
    row = mixed._row(Load(accepted={"491512000001": (10.4, 0.02)}, turned_away=3), seen)
    assert (row["messages"], row["turned_away"]) == (1, 3)
    assert (row["answer_ms"]["p50"], row["accept_to_submit_ms"]["p99"]) == (20.0, 100.0)


async def test_what_never_arrives_ends_the_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixed, "ARRIVAL_SECONDS", 0.0)
    with pytest.raises(Refusal, match="1 messages were not submitted"):
        await mixed._arrived(LogTail(tmp_path / "none.log"), ["491512000001"])
