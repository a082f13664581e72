"""`start`: a carrier connection of each implementation with its counterpart, ended with the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.simulator.script import Script
from tests.support.carriers import HARNESSES, SmppHarness, Start


@pytest.fixture(params=list(HARNESSES))
async def start(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Start]:
    harnesses: list[SmppHarness] = []

    async def begin(
        *, patience: float = 5.0, listen: bool = True, answer_at_once: bool = True, **script: object
    ) -> SmppHarness:
        harness: SmppHarness = HARNESSES[request.param](tmp_path, patience=patience, answer_at_once=answer_at_once)
        harnesses.append(harness)
        return await harness.start(Script(**script), listen=listen)  # type: ignore[arg-type]

    yield begin
    for harness in harnesses:
        await harness.stop()
