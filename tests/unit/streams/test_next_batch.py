"""A batch is as many records as the stage says, or as many octets as are good for memory."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

import pytest

from streams.next_batch import next_batch


@pytest.mark.parametrize(
    ("sizes", "most", "taken"),
    [
        ([1, 1, 1], 2, 2),
        ([1, 1], 5, 2),
        ([40, 40, 40, 40], 9, 3),  # the third begins below the limit
        ([500, 1], 9, 1),
        ([None, None, None], 9, 3),
        ([], 9, 0),
    ],
)
def test_few_large_records_fill_a_batch_as_well_as_many_small_ones(sizes: list[int | None], most: int, taken: int) -> None:
    events = [SimpleNamespace(message=SimpleNamespace(value=None if n is None else bytes(n))) for n in sizes]
    waiting = deque(events)
    assert next_batch(waiting, most, octets=100) == events[:taken] and list(waiting) == events[taken:]
