"""What several chapters of the manual need of the shared stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.running import Running


@pytest.fixture
def slow_carrier(stack: Running) -> Iterator[Running]:
    """The carrier of +44 takes twenty a second, and refuses what comes faster while the setting is on its way."""
    stack.rough.behave(rate=25.0)
    before = stack.cli("carrier", "show", "rough")["rate"]
    stack.cli("carrier", "set", "rough", "--rate", "20")
    yield stack
    stack.rough.behave()
    stack.cli("carrier", "set", "rough", "--rate", str(before))
