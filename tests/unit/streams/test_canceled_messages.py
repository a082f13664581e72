"""Messages that were canceled by themselves, at intake: they end, their neighbours in the same slice go on.

In: slices, commands that cancel some of their positions. Out: what intake wrote.
"""

from __future__ import annotations

import pytest

from schemas.records.slice import ResumeAt
from tests.support.streams.fakes import FakePorts, numbers, slice_of
from tests.support.streams.outputs import changes, dispatched, used
from tests.support.streams.runs import run_intake


@pytest.fixture
def fakes() -> FakePorts:
    return FakePorts()


async def test_what_was_canceled_by_itself_ends_and_its_neighbours_go(fakes: FakePorts) -> None:
    fakes.cancel(0b010)
    slice_ = slice_of(numbers(3), campaign=None, resume_at=ResumeAt.ROUTE, price=700, segments=b"\1\2\1", carrier="acme")
    outputs = await run_intake(fakes, slice_)
    assert sorted(changes(outputs)) == [("canceled", 1, 0b010, "canceled"), ("queued", 1, 0b101, "none")]
    assert [slice_.positions for slice_ in dispatched(outputs)] == [0b101]
    [usage] = used(outputs)
    assert (usage.refunded, usage.charged, usage.segments) == (0b010, 0, b"\2")


async def test_what_was_canceled_by_itself_and_stands_with_a_carrier_goes_there_again(fakes: FakePorts) -> None:
    chunk = slice_of(numbers(2), campaign=None)
    await run_intake(fakes, chunk)
    fakes.cancel(0b11)
    again = await run_intake(fakes, chunk)
    assert [(status, reason) for status, _, _, reason in changes(again)] == [("queued", "none")]
    assert [slice_.positions for slice_ in dispatched(again)] == [0b11]  # dispatch strikes what it has, gives back the rest
