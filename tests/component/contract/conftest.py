"""`start`: a carrier connection of each implementation with its counterpart, ended with the test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from connectors.carriers.simulator.script import Script
from tests.support.carriers import RIGS, SmppRig

Start = Callable[..., Awaitable[SmppRig]]


@pytest.fixture(params=list(RIGS))
async def start(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Start]:
    rigs: list[SmppRig] = []

    async def begin(
        *, patience: float = 5.0, listen: bool = True, answer_at_once: bool = True, **script: object
    ) -> SmppRig:
        rig: SmppRig = RIGS[request.param](tmp_path, patience=patience, answer_at_once=answer_at_once)
        rigs.append(rig)
        return await rig.start(Script(**script), listen=listen)  # type: ignore[arg-type]

    yield begin
    for rig in rigs:
        await rig.stop()
