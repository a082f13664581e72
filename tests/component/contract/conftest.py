"""`start`: a carrier connection of each kind with its counterpart, ended with the test.

A test that needs what not every kind has is marked `needs(Case...)`: it runs on the kinds whose peer does not say that it
cannot have that.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.carrier_peers.kinds import CANNOT, PEERS
from tests.support.carrier_peers.peer import Manners
from tests.support.carriers import CarrierHarness, Start


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every kind that can have what the test needs."""
    if "start" in metafunc.fixturenames:
        needed = {case for mark in metafunc.definition.iter_markers("needs") for case in mark.args}
        metafunc.parametrize("start", [kind for kind in PEERS if not needed & set(CANNOT[kind])], indirect=True)


@pytest.fixture
async def start(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Start]:
    harnesses: list[CarrierHarness] = []

    async def begin(
        manners: Manners | None = None, *, patience: float = 5.0, listen: bool = True, answer_at_once: bool = True
    ) -> CarrierHarness:
        harness = CarrierHarness(PEERS[request.param](tmp_path), patience=patience, answer_at_once=answer_at_once)
        harnesses.append(harness)
        return await harness.start(manners or Manners(), listen=listen)

    yield begin
    for harness in harnesses:
        await harness.stop()
