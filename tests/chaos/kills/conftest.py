"""A stack of their own for the tests that kill: one a file, never the one that other tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.running import Running, running_stack

RATE = 1000


@pytest.fixture(scope="module")
def victim(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A whole stack whose parts may be killed."""
    with running_stack(rate=RATE) as stack:
        yield stack
