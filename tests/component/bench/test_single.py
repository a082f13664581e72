"""`single` for a second on a whole stack, by whichever client this machine has; and git asked for what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bench.revision import other_version
from infra.bench.single import single
from infra.bench.size import Size
from infra.bench.target import target_of
from infra.bench.wrk import find_wrk
from infra.runtime.refusal import Refusal
from tests.support.running import ROLE_NAMES, SERVICE_PROGRAMS, Running


@pytest.mark.stack
async def test_a_second_of_keyed_messages(stack: Running) -> None:
    target = target_of(stack.line, stack.process.pid)
    assert set(target.pids()) >= {*ROLE_NAMES, *SERVICE_PROGRAMS}
    row = await single(target, Size(recipients=1, seconds=1.0, keyed=True))
    assert row["client"] == ("wrk" if find_wrk() else "python")
    assert row["messages"] > 0 and row["broken"] == 0
    assert row["cpu_us_by_process"]["gateway"] > 0
    assert row["carrier_per_second"] > 0 and 0 < row["answer_ms"]["p50"] <= row["answer_ms"]["p99"]
    assert 0 < row["half_rate"]["per_second"] < row["accepted_per_second"]


@pytest.mark.parametrize("revision", ["no-such-revision", "--force", ""])
def test_a_revision_that_git_does_not_know(tmp_path: Path, revision: str) -> None:
    with pytest.raises(Refusal, match="git"), other_version(revision, tmp_path / "tree"):
        raise AssertionError("it must not get here")
    assert not (tmp_path / "tree").exists()
