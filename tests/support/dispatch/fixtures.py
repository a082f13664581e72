"""Environments for dispatch, each with a partition that no other test of this run uses at the same time."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from schemas.values.lanes import Lane
from tests.support.database import fresh_database
from tests.support.dispatch.env import DispatchEnv, MakeEnv

_partitions = itertools.cycle(range(8))


@pytest.fixture
async def make_env(services: Any, topics: None, tmp_path: Path) -> AsyncIterator[MakeEnv]:
    """Environments that end with the test."""
    async with AsyncExitStack() as stack:

        def make(lane: Lane) -> DispatchEnv:
            database = stack.enter_context(fresh_database(services.postgres))
            env = DispatchEnv(services, database, tmp_path, lane=lane, partition=next(_partitions))
            stack.push_async_callback(env.close)
            return env

        yield make
