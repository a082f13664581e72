"""Intake of messages for a carrier that lets one connection in."""

from __future__ import annotations

import pytest

from tests.support.streams.fakes import CarrierFact, FakePorts, numbers, slice_of
from tests.support.streams.outputs import dispatched, held
from tests.support.streams.runs import run_intake


@pytest.fixture
def fakes() -> FakePorts:
    made = FakePorts()
    made.run()
    return made


@pytest.mark.parametrize(("lane", "topic"), [("otp", "dispatch-otp"), ("marketing", "dispatch-shared")])
async def test_with_one_bind_marketing_goes_to_the_process_of_codes(fakes: FakePorts, lane: str, topic: str) -> None:
    fakes.carriers["acme"] = CarrierFact(one_process=True)
    outputs = await run_intake(fakes, slice_of(numbers(2), lane=lane))
    assert [(o.topic, o.partition) for o in outputs if o.topic.startswith("dispatch")] == [(topic, 3)]


@pytest.mark.parametrize("one_process", [True, False])
async def test_marketing_waits_for_room_while_it_changes_hands(fakes: FakePorts, one_process: bool) -> None:
    fakes.carriers["acme"] = CarrierFact(one_process=one_process, changes_hands=True)
    outputs = await run_intake(fakes, slice_of(numbers(2)))
    assert dispatched(outputs) == [] and [row.reason for row in held(outputs)] == ["room"]
    assert len(dispatched(await run_intake(fakes, slice_of(numbers(2), lane="otp")))) == 1
