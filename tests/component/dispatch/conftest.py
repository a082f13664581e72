"""Places for dispatch, each with a partition that no other test of this run uses at the same time."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from schemas.values.lanes import Lane
from tests.support.database import fresh_database
from tests.support.dispatch.env import Place

_partitions = itertools.cycle(range(8))
MakePlace = Callable[[Lane], Place]


@pytest.fixture
async def make_place(services: Any, topics: None, tmp_path: Path) -> AsyncIterator[MakePlace]:
    """Places that end with the test."""
    async with AsyncExitStack() as stack:

        def make(lane: Lane) -> Place:
            database = stack.enter_context(fresh_database(services.postgres))
            place = Place(services, database, tmp_path, lane=lane, partition=next(_partitions))
            stack.push_async_callback(place.close)
            return place

        yield make
